// SPDX-License-Identifier: Apache-2.0
#include "image/changes.h"
#include "tests/unit/unit.h"

static void apply(struct image_config *c, const char *line)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (change_apply(line, c, &err) < 0)
		fail_msg("%s", cmk_err_msg(&err));
}

static void expect(char *const *v, const char *want)
{
	cleanup_free char *got = strv_join(v, "|");

	assert_string_equal(got, want);
}

static void instructions(void **state cmk_unused)
{
	struct image_config c = { 0 };

	apply(&c, "CMD [\"a\", \"b c\"]");
	expect(c.cmd, "a|b c");
	apply(&c, "cmd echo $HOME");
	expect(c.cmd, "/bin/sh|-c|echo $HOME");
	apply(&c, "ENTRYPOINT=[\"/x\"]");
	expect(c.entrypoint, "/x");
	apply(&c, "ENTRYPOINT []");
	expect(c.entrypoint, "");
	apply(&c, "ENV A=1 B=\"two words\" C='x y'\\ z");
	apply(&c, "ENV A the rest of it");
	apply(&c, "ENV=D=4");
	expect(c.env, "A=the rest of it|B=two words|C=x y z|D=4");
	apply(&c, "LABEL k=v");
	expect(c.labels, "k=v");
	apply(&c, "EXPOSE 80 53/udp 80/tcp");
	expect(c.exposed_ports, "80/tcp|53/udp");
	apply(&c, "VOLUME [\"/a\", \"/b\"]");
	apply(&c, "VOLUME /c");
	expect(c.volumes, "/a|/b|/c");
	apply(&c, "USER 1000:1000 ");
	assert_string_equal(c.user, "1000:1000");
	apply(&c, "WORKDIR /w");
	apply(&c, "STOPSIGNAL SIGINT");
	assert_string_equal(c.stop_signal, "SIGINT");
	image_config_done(&c);
}

static void refused(void **state cmk_unused)
{
	static const char *const bad[] = {
		"",
		"RUN true",
		"ENV",
		"ENV A",
		"ENV =x",
		"EXPOSE x",
		"EXPOSE 0",
		"EXPOSE 70000",
		"EXPOSE 80/sctp",
		"STOPSIGNAL NOPE",
		"HEALTHCHECK",
		"HEALTHCHECK CMD",
		"HEALTHCHECK RUN x",
		"HEALTHCHECK --interval=x CMD y",
		"HEALTHCHECK --retries=-1 CMD y",
		"HEALTHCHECK --timeout=1s --timeout=2s CMD y",
		"HEALTHCHECK --retries=1 --retries=1 CMD y",
		"HEALTHCHECK --what=1 CMD y",
		"HEALTHCHECK CMDX",
		"ONBUILD",
		"LABEL \"a",
		"WORKDIR",
		"USER ",
		"VOLUME",
		"ENV A=1 B",
	};
	struct image_config c = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (change_apply(bad[i], &c, NULL) >= 0)
			fail_msg("'%s' was taken", bad[i]);
	image_config_done(&c);
}

/* What is written is what is read. */
static void round_trip(void **state cmk_unused)
{
	struct image_config c = { 0 }, back = { 0 };
	cleanup_free char *text = NULL;
	size_t len = 0;

	c.architecture = xstrdup("amd64");
	c.os = xstrdup("linux");
	apply(&c, "CMD [\"x\"]");
	apply(&c, "LABEL a=b c=\"d \\\"e\"");
	apply(&c, "EXPOSE 1/udp");
	apply(&c, "HEALTHCHECK --interval=5s --retries=2 CMD [\"true\", \"x\"]");
	apply(&c, "ONBUILD RUN make");
	c.history_json = xstrdup("[{\"created_by\":\"before\"}]");
	assert_int_equal(config_write(&c, "by", "comment", &text, &len, NULL), 0);
	assert_int_equal(image_config_parse(text, len, &back, NULL), 0);
	expect(back.cmd, "x");
	expect(back.labels, "a=b|c=d \"e");
	expect(back.exposed_ports, "1/udp");
	expect(back.on_build, "RUN make");
	assert_string_equal(
		back.healthcheck_json,
		"{\"Interval\":5000000000,\"Retries\":2,\"Test\":[\"CMD\",\"true\",\"x\"]}\n");
	assert_non_null(strstr(text, "[{\"created_by\":\"before\"},{"));
	assert_non_null(strstr(text, "\"comment\":\"comment\""));
	image_config_done(&c);
	image_config_done(&back);
}

static void a_step_more(void **state cmk_unused)
{
	struct image_config c = { .created = (char *)"2024-01-02T03:04:05Z" };

	assert_int_equal(config_add_step(&c, "one", NULL), 0);
	assert_int_equal(config_add_step(&c, "two", NULL), 0);
	assert_non_null(strstr(c.history_json, "[{\"created\":\"2024-01-02T03:04:05Z\","
					       "\"created_by\":\"one\"},{"));
	assert_non_null(strstr(c.history_json, "\"created_by\":\"two\"}]"));
	free(c.history_json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions),
		cmocka_unit_test(refused),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(a_step_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
