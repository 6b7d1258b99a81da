// SPDX-License-Identifier: Apache-2.0
#include "libpod/option/optparse.h"
#include "tests/unit/unit.h"

static char *mount_text(const struct opt_mount *m)
{
	cleanup_free char *options = strv_join(m->options, ",");

	return xasprintf("%s %s %s %s", m->type, m->source ? m->source : "-", m->destination,
			 options);
}

typedef int (*mount_parser)(const char *, struct opt_mount *, struct cmk_err *);

static void expect_mount(mount_parser parse, const char *text, const char *want)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct opt_mount m = { 0 };
	cleanup_free char *got = NULL;

	if (parse(text, &m, &err) < 0)
		fail_msg("%s: %s", text, cmk_err_msg(&err));
	got = mount_text(&m);
	assert_string_equal(got, want);
	opt_mount_done(&m);
}

static void refuse_mount(mount_parser parse, const char *text, int code, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct opt_mount m = { 0 };

	assert_int_equal(parse(text, &m, &err), code);
	if (!strstr(err.msg, why))
		fail_msg("'%s' says '%s', not '%s'", text, err.msg, why);
	assert_null(m.type);
	assert_null(m.destination);
	assert_null(m.options);
}

static void volumes_are_read(void **state)
{
	(void)state;
	expect_mount(opt_volume_parse, "/a:/b", "bind /a /b rw,rprivate,rbind");
	expect_mount(opt_volume_parse, "./a:/b/../c//d/.:ro", "bind ./a /c/d ro,rprivate,rbind");
	expect_mount(opt_volume_parse, "/a:/b:bind,slave,noexec",
		     "bind /a /b bind,slave,noexec,rw");
	expect_mount(opt_volume_parse, "name:/b", "volume name /b rw,rprivate,nosuid,nodev,rbind");
	expect_mount(opt_volume_parse, "/b", "volume - /b rw,rprivate,nosuid,nodev,rbind");
	expect_mount(opt_volume_parse, "n:/b:ro,suid,exec,cached",
		     "volume n /b ro,suid,exec,rprivate,nodev,rbind");
	/* Whether SELinux is on or not: it is no option of the mount. */
	expect_mount(opt_volume_parse, "/a:/b:ro,Z", "bind /a /b ro,rprivate,rbind");
}

static void bad_volumes_are_refused(void **state)
{
	(void)state;
	refuse_mount(opt_volume_parse, "na me:/b", -EINVAL, "names must match");
	refuse_mount(opt_volume_parse, "name/x:/b", -EINVAL, "names must match");
	refuse_mount(opt_volume_parse, "", -EINVAL, "cannot be empty");
	refuse_mount(opt_volume_parse, ":", -EINVAL, "cannot be empty");
	refuse_mount(opt_volume_parse, ":/b", -EINVAL, "host directory cannot be empty");
	refuse_mount(opt_volume_parse, "/a:", -EINVAL, "empty");
	refuse_mount(opt_volume_parse, "/a:b", -EINVAL, "must be an absolute path");
	refuse_mount(opt_volume_parse, "/a:/", -EINVAL, "must not be '/'");
	refuse_mount(opt_volume_parse, "/a:/b/..", -EINVAL, "must not be '/'");
	refuse_mount(opt_volume_parse, "/a:/b:ro:x", -EINVAL, "incorrect volume format");
	refuse_mount(opt_volume_parse, "/a:/b:ro,rw", -EINVAL, "can only specify 1 'rw' or 'ro'");
	refuse_mount(opt_volume_parse, "/a:/b:ro,ro", -EINVAL, "can only specify 1");
	refuse_mount(opt_volume_parse, "/a:/b:wibble", -EINVAL, "invalid option type 'wibble'");
	refuse_mount(opt_volume_parse, "/a:/b:", -EINVAL, "invalid option type ''");
	refuse_mount(opt_volume_parse, "/a:/b:upperdir=/u,workdir=/w", -EINVAL, "need the option");
	refuse_mount(opt_volume_parse, "/a:/b:O,upperdir=/u", -EINVAL, "both upperdir and workdir");
	refuse_mount(opt_volume_parse, "/a:/b:idmap=uids=0-1", -EINVAL, "not of the form");
	refuse_mount(opt_volume_parse, "/a:/b:size=1", -EINVAL, "invalid option type");
}

static void mounts_are_read(void **state)
{
	(void)state;
	expect_mount(opt_mount_parse, "type=bind,src=/a,dst=/b", "bind /a /b rw,rprivate,rbind");
	expect_mount(opt_mount_parse, "src=/a,target=/b,readonly,type=bind",
		     "bind /a /b ro,rprivate,rbind");
	expect_mount(opt_mount_parse,
		     "type=bind,source=/a,destination=/b,ro=false,bind-propagation=rslave",
		     "bind /a /b rw,rslave,rbind");
	expect_mount(opt_mount_parse, "type=bind,\"src=/a,b\"\"c\",dst=/b,bind-nonrecursive",
		     "bind /a,b\"c /b bind,rw,rprivate");
	expect_mount(opt_mount_parse, "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777",
		     "tmpfs - /t size=1048576,mode=1777,rw,rprivate,nosuid,nodev,tmpcopyup");
	expect_mount(opt_mount_parse, "src=v,dst=/b,subpath=x/y,U=true",
		     "volume v /b rw,rprivate,nosuid,nodev,rbind");
	expect_mount(opt_mount_parse, "dst=/b", "volume - /b rw,rprivate,nosuid,nodev,rbind");
	expect_mount(opt_mount_parse, "type=bind,dst=/a", "bind /a /a rw,rprivate,rbind");
	expect_mount(opt_mount_parse, "type=image,src=x/y:z,dst=/b,rw=true", "image x/y:z /b ");
	expect_mount(opt_mount_parse, "type=devpts,dst=/b,uid=5,max=7",
		     "devpts - /b uid=5,max=7,newinstance");
	expect_mount(opt_mount_parse, "type=glob,src=/a*,dst=/b,ro",
		     "glob /a* /b ro,rprivate,rbind");
	expect_mount(opt_mount_parse, "type=tmpfs,dst=/t,notmpcopyup,noexec,ro",
		     "tmpfs - /t noexec,ro,rprivate,nosuid,nodev");
	expect_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,bind-recursive=disabled",
		     "bind /a /b bind,rw,rprivate");
	expect_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,bind-recursive=enabled",
		     "bind /a /b rbind,rw,rprivate");
	expect_mount(opt_mount_parse, "type=bind,bind-recursive=readonly,src=/a,dst=/b,ro",
		     "bind /a /b rbind,ro,rro,rprivate");
	expect_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,ro,bind-recursive=enabled",
		     "bind /a /b ro,rbind,rro,rprivate");
	expect_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,ro,bind-recursive=writable",
		     "bind /a /b ro,rbind,rprivate");
}

static void a_volumes_labels_are_read(void **state)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct opt_mount m = { 0 };
	cleanup_free char *labels = NULL;

	(void)state;
	assert_int_equal(opt_mount_parse("type=volume,src=v,dst=/b,volume-driver=local,"
					 "volume-label=a=b=c,volume-label=d",
					 &m, &err),
			 0);
	labels = strv_join(m.volume_labels, ",");
	assert_string_equal(labels, "a=b=c,d");
	opt_mount_done(&m);
}

static void bad_mounts_are_refused(void **state)
{
	(void)state;
	refuse_mount(opt_mount_parse, "", -EINVAL, "invalid option type");
	refuse_mount(opt_mount_parse, "type=artifact,dst=/b", -EINVAL, "must set source");
	refuse_mount(opt_mount_parse, "type=artifact,src=x,dst=/b,title=a,digest=b", -EINVAL,
		     "cannot specify both digest and title");
	refuse_mount(opt_mount_parse, "type=artifact,src=x,dst=/b,name=a/b", -EINVAL,
		     "not the name of a file");
	refuse_mount(opt_mount_parse, "type=artifact,src=x,dst=/b,rw", -EINVAL,
		     "invalid mount option");
	refuse_mount(opt_mount_parse, "type=wibble,dst=/b", -EINVAL, "invalid filesystem type");
	refuse_mount(opt_mount_parse, "type=bind,src=/a", -EINVAL, "must set volume destination");
	refuse_mount(opt_mount_parse, "type=bind,src=,dst=/a", -EINVAL, "cannot be empty");
	refuse_mount(opt_mount_parse, "type=image,dst=/a", -EINVAL, "must set source");
	refuse_mount(opt_mount_parse, "type=image,src=x,dst=/a,nosuid", -EINVAL,
		     "invalid mount option");
	refuse_mount(opt_mount_parse, "type=devpts,src=/x,dst=/a", -EINVAL, "not supported with");
	refuse_mount(opt_mount_parse, "type=devpts,dst=/a,mode=9", -EINVAL, "bad value");
	refuse_mount(opt_mount_parse, "type=ramfs,dst=/a,tmpfs-size=1", -EINVAL,
		     "invalid mount option");
	refuse_mount(opt_mount_parse, "src=a/b,dst=/a", -EINVAL, "names must match");
	refuse_mount(opt_mount_parse, "src=a,dst=/a,subpath=", -EINVAL, "must provide an argument");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/a,subpath=x", -EINVAL,
		     "invalid mount option");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,ro=maybe", -EINVAL, "true or false");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,bind-propagation", -EINVAL,
		     "must provide an argument");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,wibble=1", -EINVAL, "wibble");
	refuse_mount(opt_mount_parse, "type=tmpfs,src=/a,dst=/b", -EINVAL, "not supported with");
	refuse_mount(opt_mount_parse, "type=tmpfs,dst=/b,tmpfs-mode=9", -EINVAL, "bad value '9'");
	refuse_mount(opt_mount_parse, "type=bind,\"src=/a,dst=/b", -EINVAL, "quote");
	refuse_mount(opt_mount_parse, "type=bind,\"src=/a\"x,dst=/b", -EINVAL, "quote");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,bind-recursive", -EINVAL, "must be");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,bind-recursive=yes", -EINVAL,
		     "must be");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,bind-recursive=readonly", -EINVAL,
		     "needs 'readonly'");
	refuse_mount(opt_mount_parse, "src=v,dst=/b,bind-recursive=disabled", -EINVAL,
		     "invalid mount option");
	refuse_mount(opt_mount_parse, "src=v,dst=/b,volume-label", -EINVAL, "must provide");
	refuse_mount(opt_mount_parse, "src=v,dst=/b,volume-label==x", -EINVAL, "must provide");
	refuse_mount(opt_mount_parse, "src=v,dst=/b,volume-driver=", -EINVAL, "must provide");
	refuse_mount(opt_mount_parse, "src=v,dst=/b,volume-driver=nfs", -EOPNOTSUPP, "'local'");
	refuse_mount(opt_mount_parse, "type=bind,src=/a,dst=/b,volume-label=x", -EINVAL,
		     "invalid mount option");
}

static void tmpfs_is_read(void **state)
{
	(void)state;
	expect_mount(opt_tmpfs_parse, "/t", "tmpfs - /t rw,rprivate,nosuid,nodev,tmpcopyup");
	expect_mount(opt_tmpfs_parse, "/t:", "tmpfs - /t rw,rprivate,nosuid,nodev,tmpcopyup");
	expect_mount(opt_tmpfs_parse, "/t:ro,size=50%,exec,uid=5",
		     "tmpfs - /t ro,size=50%,exec,uid=5,rprivate,nosuid,nodev,tmpcopyup");
	refuse_mount(opt_tmpfs_parse, "t", -EINVAL, "must be an absolute path");
	refuse_mount(opt_tmpfs_parse, "/t:size=-1", -EINVAL, "bad value '-1'");
	refuse_mount(opt_tmpfs_parse, "/t:size=101%", -EINVAL, "bad value");
	refuse_mount(opt_tmpfs_parse, "/t:uid=4294967295", -EINVAL, "bad value");
	refuse_mount(opt_tmpfs_parse, "/t:lowerdir=/", -EINVAL, "unknown mount option");
	refuse_mount(opt_tmpfs_parse, "/t:rbind", -EINVAL, "unknown mount option");
}

static void secrets_are_read(void **state)
{
	static const char *const bad[] = { "",
					   "a,b",
					   "a,mode=9",
					   "a,uid=-1",
					   "a,x=1",
					   "a,type=x",
					   "a,type=env,uid=1",
					   "a,target=",
					   "a,type=env,target=x=y",
					   "source=" };
	struct opt_secret s = { 0 };

	(void)state;
	assert_int_equal(opt_secret_parse("a", &s, NULL), 0);
	assert_string_equal(s.name, "a");
	assert_int_equal(s.mode, 0444);
	assert_false(s.env);
	opt_secret_done(&s);
	assert_int_equal(
		opt_secret_parse("source=a,target=/x/../y,uid=1,gid=2,mode=0400", &s, NULL), 0);
	assert_string_equal(s.target, "/y");
	assert_true(s.uid == 1 && s.gid == 2 && s.mode == 0400);
	opt_secret_done(&s);
	assert_int_equal(opt_secret_parse("type=env", &s, NULL), 0);
	assert_string_equal(s.name, "type=env");
	opt_secret_done(&s);
	assert_int_equal(opt_secret_parse("a,type=env,target=VAR", &s, NULL), 0);
	assert_true(s.env);
	opt_secret_done(&s);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(opt_secret_parse(bad[i], &s, NULL), -EINVAL);
}

static void devices_are_read(void **state)
{
	static const char *const bad[] = { "", "/a:b:c:d", "/a:/b:q", "/a:/b:", "/a:q", ":/b" };
	struct opt_device d = { 0 };

	(void)state;
	assert_int_equal(opt_device_parse("/dev/a", &d, NULL), 0);
	assert_string_equal(d.destination, "/dev/a");
	assert_string_equal(d.permissions, "rwm");
	opt_device_done(&d);
	assert_int_equal(opt_device_parse("/dev/a:rw", &d, NULL), 0);
	assert_string_equal(d.destination, "/dev/a");
	assert_string_equal(d.permissions, "rw");
	opt_device_done(&d);
	assert_int_equal(opt_device_parse("/dev/a:/dev/b:r", &d, NULL), 0);
	assert_string_equal(d.destination, "/dev/b");
	opt_device_done(&d);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(opt_device_parse(bad[i], &d, NULL), -EINVAL);
	assert_int_equal(opt_device_parse("a.com/b", &d, NULL), -EINVAL);
	assert_int_equal(opt_device_parse("a.com/b=", &d, NULL), -EINVAL);
}

static void limits_are_read(void **state)
{
	static const char *const bad[] = { "nofile",	 "nofile=",	 "nofile=x", "wibble=1",
					   "nofile=2:1", "nofile=1:2:3", "=1",	     "nofile=1=2",
					   "nofile=-2",	 "nofile= 1",	 "nofile=1:" };
	struct spec_rlimit l;

	(void)state;
	assert_int_equal(opt_ulimit_parse("nofile=1024:2048", &l, NULL), 0);
	assert_string_equal(l.type, "RLIMIT_NOFILE");
	assert_int_equal(l.soft, 1024);
	assert_int_equal(l.hard, 2048);
	free(l.type);
	assert_int_equal(opt_ulimit_parse("RLIMIT_core=-1", &l, NULL), 0);
	assert_string_equal(l.type, "RLIMIT_CORE");
	assert_true(l.soft == UINT64_MAX && l.hard == UINT64_MAX);
	free(l.type);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(opt_ulimit_parse(bad[i], &l, NULL), -EINVAL);
	assert_int_equal(opt_ulimit_parse("host", &l, NULL), -EOPNOTSUPP);
}

static void environment_is_read(void **state)
{
	cleanup_strv char **env = NULL;
	static const char text[] = "\xef\xbb\xbf# comment\n"
				   "A=1\r\n\n   B= two \"words\" # kept\nCMK_UNIT_SET\n"
				   "CMK_UNIT_UNSET\nC=\nA=2";

	(void)state;
	assert_int_equal(setenv("CMK_UNIT_SET", "x", 1), 0);
	assert_int_equal(opt_env_file_parse(text, sizeof(text) - 1, &env, NULL), 0);
	assert_string_equal(strv_env_get(env, "A"), "2");
	assert_string_equal(strv_env_get(env, "B"), " two \"words\" # kept");
	assert_string_equal(strv_env_get(env, "C"), "");
	assert_string_equal(strv_env_get(env, "CMK_UNIT_SET"), "x");
	assert_null(strv_env_get(env, "CMK_UNIT_UNSET"));
	assert_int_equal(opt_env_file_parse("=1\n", 3, &env, NULL), -EINVAL);
	assert_int_equal(opt_env_file_parse("a b=1\n", 6, &env, NULL), -EINVAL);
	assert_int_equal(opt_env_file_parse("a\0b=1\n", 6, &env, NULL), -EINVAL);
	assert_int_equal(opt_env_add(&env, "", NULL), -EINVAL);
	assert_int_equal(opt_env_add(&env, "=x", NULL), -EINVAL);
	assert_int_equal(opt_env_add(&env, "CMK_UNIT_S*", NULL), 0);
}

static void entrypoints_are_read(void **state)
{
	cleanup_strv char **v = NULL;

	(void)state;
	assert_int_equal(opt_entrypoint_parse("[\"a\", \"b c\"]", &v, NULL), 0);
	assert_int_equal(strv_len(v), 2);
	assert_string_equal(v[1], "b c");
	v = strv_free(v);
	assert_int_equal(opt_entrypoint_parse("", &v, NULL), 0);
	assert_null(v);
	/* What is no array of strings is a word: a program may be called "[". */
	assert_int_equal(opt_entrypoint_parse("[", &v, NULL), 0);
	assert_string_equal(v[0], "[");
	v = strv_free(v);
	assert_int_equal(opt_entrypoint_parse("[1]", &v, NULL), 0);
	assert_string_equal(v[0], "[1]");
}

static void ports_labels_names(void **state)
{
	cleanup_strv char **ports = NULL, **labels = NULL;
	static const char *const bad[] = { "",	  "0",	   "65536", "80/icmp", "80/tcp/x",
					   "9-8", "1-2-3", "x",	    "80/" };

	(void)state;
	assert_int_equal(opt_expose_parse("80", &ports, NULL), 0);
	assert_int_equal(opt_expose_parse("80-82/tcp", &ports, NULL), 0);
	assert_int_equal(opt_expose_parse("53/udp", &ports, NULL), 0);
	assert_int_equal(strv_len(ports), 4);
	assert_true(strv_has(ports, "82/tcp") && strv_has(ports, "53/udp"));
	/* A vector that a range filled takes more (the address sanitizer looks on). */
	assert_int_equal(opt_expose_parse("100-250", &ports, NULL), 0);
	strv_add(&ports, "251/tcp");
	assert_string_equal(ports[155], "251/tcp");
	/* All of them, and none twice. */
	assert_int_equal(opt_expose_parse("1-65535", &ports, NULL), 0);
	assert_int_equal(strv_len(ports), 65535 + 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(opt_expose_parse(bad[i], &ports, NULL), -EINVAL);
	assert_int_equal(opt_label_add(&labels, "a", NULL), 0);
	assert_int_equal(opt_label_add(&labels, "b=c=d", NULL), 0);
	assert_int_equal(opt_label_add(&labels, "a=2", NULL), 0);
	assert_int_equal(strv_len(labels), 2);
	assert_string_equal(strv_env_get(labels, "a"), "2");
	assert_int_equal(opt_label_add(&labels, "", NULL), -EINVAL);
	assert_int_equal(opt_label_add(&labels, "=x", NULL), -EINVAL);
	assert_int_equal(opt_hostname_check("a-1.b", NULL), 0);
	assert_int_equal(opt_hostname_check("-a", NULL), -EINVAL);
	assert_int_equal(opt_hostname_check("a\n", NULL), -EINVAL);
	assert_int_equal(opt_hostname_check("", NULL), -EINVAL);
}

static void env_is_merged(void **state)
{
	char **env = NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	(void)state;
	strv_env_set(&env, "A=1");
	strv_env_set(&env, "LONG_NAME=two");
	assert_int_equal(opt_env_merge(&env, "B=$A-${LONG_NAME}-$NONE-${A", NULL), 0);
	assert_string_equal(strv_env_get(env, "B"), "1-two--${A");
	assert_int_equal(opt_env_merge(&env, "A=x$A$", NULL), 0);
	assert_string_equal(strv_env_get(env, "A"), "x1$");
	assert_int_equal(opt_env_merge(&env, "C=$$A${}", NULL), 0);
	assert_string_equal(strv_env_get(env, "C"), "$x1$${}");
	assert_int_equal(opt_env_merge(&env, "$A", &err), -EINVAL);
	assert_int_equal(opt_env_merge(&env, "=x", &err), -EINVAL);
	(void)strv_free(env);
}

static void label_files_are_read(void **state)
{
	static const char text[] = "# comment\n\na=1\n b=x=y\r\nPATH\n";
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	char **labels = NULL;

	(void)state;
	assert_int_equal(opt_label_file_parse(text, sizeof(text) - 1, &labels, NULL), 0);
	assert_int_equal(strv_len(labels), 3);
	assert_string_equal(strv_env_get(labels, "b"), "x=y");
	/* A label is no variable: nothing is copied from the caller. */
	assert_string_equal(strv_env_get(labels, "PATH"), "");
	assert_int_equal(opt_label_file_parse("a b=1", 5, &labels, &err), -EINVAL);
	assert_int_equal(opt_label_file_parse("=1", 2, &labels, &err), -EINVAL);
	assert_int_equal(opt_annotation_add(&labels, "a", &err), -EINVAL);
	(void)strv_free(labels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(env_is_merged),
		cmocka_unit_test(label_files_are_read),
		cmocka_unit_test(volumes_are_read),
		cmocka_unit_test(bad_volumes_are_refused),
		cmocka_unit_test(mounts_are_read),
		cmocka_unit_test(a_volumes_labels_are_read),
		cmocka_unit_test(bad_mounts_are_refused),
		cmocka_unit_test(tmpfs_is_read),
		cmocka_unit_test(limits_are_read),
		cmocka_unit_test(secrets_are_read),
		cmocka_unit_test(devices_are_read),
		cmocka_unit_test(environment_is_read),
		cmocka_unit_test(entrypoints_are_read),
		cmocka_unit_test(ports_labels_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
