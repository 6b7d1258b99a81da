// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "libpod/unit/quadlet.h"
#include "tests/unit/unit.h"

#define cleanup_set cleanup(quadlet_set_done)

static struct quadlet_unit *put(struct quadlet_set *set, const char *name, const char *text)
{
	return quadlet_set_put(set, "/dir", name, text, strlen(text));
}

/* The value of the last line "KEY=" of what U becomes; owned. */
static char *line_of(const struct quadlet_set *set, struct quadlet_unit *u, const char *key)
{
	cleanup_free char *start = xasprintf("\n%s=", key);
	const char *at, *last = NULL;

	if (quadlet_convert(set, u) < 0)
		fail_msg("%s: %s", u->name, cmk_err_msg(&u->err));
	for (at = u->service_text; (at = strstr(at, start)); at += strlen(start))
		last = at + strlen(start);
	return last ? xstrndup(last, strcspn(last, "\n")) : xstrdup("(none)");
}

static void expect_exec(const char *keys, const char *want)
{
	cleanup_set struct quadlet_set set = { .user = true, .cmk = "/bin/cmk" };
	cleanup_free char *text = xasprintf("[Container]\nImage=i\n%s\n", keys), *got = NULL;
	cleanup_free char *whole = NULL;

	got = line_of(&set, put(&set, "a.container", text), "ExecStart");
	whole = xasprintf("/bin/cmk run --name systemd-%%N --replace --rm --cgroups=split "
			  "--sdnotify=conmon -d%s%s i",
			  *want ? " " : "", want);
	assert_string_equal(got, whole);
}

static void refuse_text(const char *name, const char *text, const char *why)
{
	cleanup_set struct quadlet_set set = { .user = true };
	struct quadlet_unit *u = put(&set, name, text);

	if (quadlet_convert(&set, u) == 0)
		fail_msg("'%s' was taken:\n%s", text, u->service_text);
	assert_null(u->service_text);
	if (!strstr(cmk_err_msg(&u->err), why))
		fail_msg("'%s': '%s' does not say '%s'", text, cmk_err_msg(&u->err), why);
}

static void refuse(const char *keys, const char *why)
{
	cleanup_free char *text = xasprintf("[Container]\nImage=i\n%s\n", keys);

	refuse_text("a.container", text, why);
}

static void options(void **state cmk_unused)
{
	expect_exec("", "");
	expect_exec("Tmpfs=/a b", "--tmpfs \"/a b\"");
	expect_exec("Environment=A=1 \"B=x y\"\nEnvironment=C=%h$D",
		    "--env A=1 --env \"B=x y\" --env C=%h$D");
	expect_exec("AddCapability=A B\nAddCapability=\nAddCapability=C", "--cap-add c");
	expect_exec("ReadOnly=yes\nRunInit=off\nNoNewPrivileges=true\nSecurityLabelDisable=no",
		    "--security-opt=no-new-privileges --read-only --init=false");
	expect_exec("Memory=1g\nMemory=2g", "--memory 2g");
	expect_exec("User=1\nGroup=2", "--user 1:2");
	expect_exec("PodmanArgs=--a 'b c'", "--a \"b c\"");
	expect_exec("AutoUpdate=registry", "--label io.containers.autoupdate=registry");
	expect_exec("EnvironmentFile=./%n/x\nEnvironmentFile=y\nEnvironmentFile=%h/z",
		    "--env-file /dir/%n/x --env-file /dir/y --env-file %h/z");
	expect_exec("EnvironmentFile=-/x -y -%h/z",
		    "--env-file -/x --env-file -/dir/y --env-file -%h/z");
	expect_exec("Volume=./a:/b:ro\nVolume=/c:/d\nVolume=e:/f\nVolume=/g",
		    "-v /dir/a:/b:ro -v /c:/d -v e:/f -v /g");
	expect_exec("Mount=type=bind,src=./a,dst=/b\nMount=type=tmpfs,dst=/c",
		    "--mount type=bind,source=/dir/a,dst=/b --mount type=tmpfs,dst=/c");
	expect_exec("Mount=src=v,dst=/b,ro\nMount=dst=/c",
		    "--mount type=volume,source=v,dst=/b,ro --mount type=volume,dst=/c");
	expect_exec("Mount=type=bind,src=/a,\\\"dst=/b,1\\\"",
		    "--mount \"type=bind,source=/a,\\\"dst=/b,1\\\"\"");
	expect_exec("Mount=dst=/b,\\\"src=./a,1\\\",type=glob,ro",
		    "--mount \"type=glob,\\\"source=/dir/a,1\\\",dst=/b,ro\"");
	expect_exec("Image=\"there/i\"\nImage='i'\nContainerName=systemd-%N", "");
	expect_exec("Tmpfs=\"/a\"b\"", "--tmpfs \"/a\\\"b\"");
	expect_exec("HealthCmd=\"a\" \"b\"", "--health-cmd \"\\\"a\\\" \\\"b\\\"\"");
	expect_exec("HealthCmd=sh -c \"a 'b'\"", "--health-cmd \"sh -c \\\"a 'b'\\\"\"");
	expect_exec("Entrypoint=/x", "--entrypoint /x");
	expect_exec("Entrypoint=/x\nEntrypoint=", "--entrypoint=");
	expect_exec("RemapUsers=manual\nRemapUid=0:1:2 3:4:5\nRemapGid=6:7:8",
		    "--uidmap 0:1:2 --uidmap 3:4:5 --gidmap 6:7:8");
	expect_exec("RemapUsers=auto", "--userns auto");
	expect_exec("RemapUsers=auto\nRemapUid=0:1:2\nRemapGid=3:4:5\nRemapUidSize=20",
		    "--userns auto:uidmapping=0:1:2,gidmapping=3:4:5,size=20");
	expect_exec("RemapUsers=keep-id\nRemapUid=200\nRemapGid=210",
		    "--userns keep-id:uid=200,gid=210");
	expect_exec("VolatileTmp=yes", "--tmpfs /tmp:rw,size=512M,mode=1777");
	expect_exec("VolatileTmp=yes\nReadOnly=yes", "--read-only");
	expect_exec("VolatileTmp=no\nReadOnly=no", "--read-only=false");
	expect_exec("PodmanArgs=--a \\ \n  --b", "--a --b");
	expect_exec("Network=host", "--network host");
	expect_exec("Network=ns:%t/x", "--network ns:%t/x");
	expect_exec("X-Mine=1", "");
	expect_exec("AddDevice=-/dev/there-is-none -/dev/null:/dev/x", "--device /dev/null:/dev/x");
}

static void commands(void **state cmk_unused)
{
	cleanup_set struct quadlet_set set = { .cmk = "/bin/cmk" };
	cleanup_free char *run = NULL, *stop = NULL, *post = NULL, *reload = NULL;
	struct quadlet_unit *u = put(
		&set, "a.container",
		"[Container]\nRootfs=/r\nContainerName=n\nGlobalArgs=--root /x\n"
		"Exec=sh -c \"echo a; \\\"b\\\"\" ;\nReloadCmd=kill 'a b'\n"
		"CgroupsMode=enabled\n[Service]\nType=oneshot\n");

	run = line_of(&set, u, "ExecStart");
	assert_string_equal(run, "/bin/cmk --root /x run --name n --replace --rm --cgroups enabled "
				 "--rootfs /r sh -c \"echo a; \\\"b\\\"\" \";\"");
	stop = line_of(&set, u, "ExecStop");
	assert_string_equal(stop, "/bin/cmk --root /x rm -v -f -i n");
	post = line_of(&set, u, "ExecStopPost");
	assert_string_equal(post, "-/bin/cmk --root /x rm -v -f -i n");
	reload = line_of(&set, u, "ExecReload");
	assert_string_equal(reload, "/bin/cmk --root /x exec n kill \"a b\"");
	assert_null(strstr(u->service_text, "NotifyAccess"));
	assert_non_null(strstr(u->service_text, "\n[X-Container]\nRootfs=/r\n"));
	assert_non_null(strstr(u->service_text, "\nEnvironment=PODMAN_SYSTEMD_UNIT=%n\n"));
	assert_non_null(strstr(u->service_text, "\nRequiresMountsFor=%t/containers\n"));
	assert_non_null(strstr(u->service_text, "\nAfter=network-online.target\n"));
}

static void refusals(void **state cmk_unused)
{
	refuse("Imago=x", "converting \"a.container\": unsupported key 'Imago' in group "
			  "'Container' in /dir/a.container:3");
	refuse("Pod=x.pod", "/dir/a.container:3: Pod=: pods are not there yet");
	refuse("IP=1.2.3.4", ":3: IP=: networks of one's own are not there yet");
	refuse("Network=x.network", ":3: Network=: 'x.network' is not host");
	refuse("Network=host\nNetwork=none", ":4: Network=: a container has one network");
	refuse("Network=b.container",
	       ":3: Network=: requested Quadlet unit b.container was not found");
	refuse("Volume=x.volume:/x",
	       ":3: Volume=: requested Quadlet source x.volume was not found");
	refuse("Memory=much", ":3: Memory=: 'much' is not a size");
	refuse("PidsLimit=-2", ":3: PidsLimit=: '-2' is not a number");
	refuse("StopSignal=SIGNONE", ":3: StopSignal=: 'SIGNONE' is not a signal");
	refuse("ExposeHostPort=80/xyz", ":3: ExposeHostPort=:");
	refuse("Pull=sometimes", ":3: Pull=: 'sometimes' is not one of always|missing|never|newer");
	refuse("ReadOnly=maybe", ":3: ReadOnly=: 'maybe' is not true or false");
	refuse("Notify=soon", ":3: Notify=:");
	refuse("Group=1", ":3: Group=: invalid Group set without User");
	refuse("Mount=type=image,dst=/a",
	       ":3: Mount=: source parameter is required for mount type image");
	refuse("Mount=/a:/b:ro", ":3: Mount=: invalid quadlet mount format");
	refuse("RemapUsers=auto\nUserNS=host", "deprecated Remap keys are set along with explicit");
	refuse("RemapUid=0:1:2\nUIDMap=0:1:2", "deprecated Remap keys are set along with explicit");
	refuse("RemapUid=0:1:2", ":3: RemapUid=: it is set without RemapUsers");
	refuse("RemapUsers=keep-id\nRemapUid=1 2",
	       ":4: RemapUid=: RemapUsers=keep-id supports only");
	refuse("RemapUsers=some", ":3: RemapUsers=: unsupported RemapUsers option 'some'");
	refuse("[Service]\nDynamicUser=yes", "using key DynamicUser in the Service group is not");
	refuse("[Service]\nUser=1", ":4: User=: using key User in the Service group is not");
	refuse("Rootfs=/r", ":3: Rootfs=: there is an Image= as well");
	refuse("Exec='a", ":3: Exec=: a quote is not closed");
	refuse("Environment='a", ":3: Environment=: a quote is not closed");
	refuse("ReloadCmd=a\nReloadSignal=HUP", ":4: ReloadSignal=:");
	refuse("[Quadlet]\nWhat=1",
	       "unsupported key 'What' in group 'Quadlet' in /dir/a.container:4");
	refuse("[Quadlet]\nDefaultDependencies=1x", ":4: DefaultDependencies=:");
	refuse("[Service]\nExecStart=/x", ":4: ExecStart=:");
	refuse("[Service]\nKillMode=process", ":4: KillMode=:");
	refuse("[Service]\nType=simple", ":4: Type=:");
	refuse("[Unit]\nAfter=b.container",
	       ":4: After=: unable to translate dependency for b.container: ");
	refuse("[Unit]\nAfter=b.network", ":4: After=: 'b.network': networks");
	refuse("ServiceName=a/b", ":3: ServiceName=: 'a/b' cannot be a unit's name");
	refuse("ServiceName=../x", ":3: ServiceName=:");
	refuse("[Install]\nAlias=../../x.service", ":4: Alias=: '../../x.service' cannot be");
	refuse("[Install]\nAlias=x.target", ":4: Alias=:");
	refuse("[Install]\nAlias=a/../x.service", ":4: Alias=:");
	refuse("[Install]\nAlias=/a/x.service", ":4: Alias=:");
	refuse("[Install]\nAlias=a//x.service", ":4: Alias=:");
	refuse("[Install]\nAlias=.a/x.service", ":4: Alias=:");
	refuse("[Install]\nAlias=a.service", ":4: Alias=: 'a.service' is the unit of");
	refuse("[Install]\nWantedBy=../x.target", ":4: WantedBy=:");
	refuse_text(
		"a.container", "[Container]\n",
		"converting \"a.container\": no Image or Rootfs key specified in /dir/a.container");
	refuse_text("a:b.container", "[Container]\nImage=i\n", "give it a ContainerName=");
	refuse_text("a b.container", "[Container]\nImage=i\n", "its name cannot be a unit's");
	refuse_text("a@.volume", "[Volume]\n", "templates of containers alone");
	refuse_text("a.volume", "[Volume]\nDriver=image\n", ":2: Driver=:");
	refuse_text("a.volume", "[Volume]\nOptions=x\n", ":2: Options=: there is no Device=");
	refuse_text("a.volume", "[Volume]\nUser=no-such-user\n",
		    ":2: User=: there is no user 'no-such-user'");
	refuse_text("a.image", "[Image]\nDecryptionKey=x\nImage=x\n", ":2: DecryptionKey=:");
	refuse_text("a.image", "[Image]\n", "converting \"a.image\": no Image key specified");
	refuse_text("a.network", "[Network]\n", "/dir/a.network: networks of one's own");
	refuse_text("a.pod", "[Pod]\n", "pods are not there yet");
	refuse_text("a.build", "[Build]\n", "builds are not there yet");
	refuse_text("a.kube", "[Kube]\n", "Kubernetes files are not there yet");
}

static void files_need_each_other(void **state cmk_unused)
{
	cleanup_set struct quadlet_set set = { .user = true, .cmk = "/bin/cmk" };
	cleanup_free char *run = NULL, *pull = NULL, *create = NULL;
	struct quadlet_unit *v = put(&set, "v.volume",
				     "[Volume]\nVolumeName=%u-data\nUser=root\nGroup=2\nCopy=no\n"
				     "UID=3\nGID=4\n"
				     "Device=/d\nType=bind\nOptions=bind\nLabel=a=b\n");
	struct quadlet_unit *i = put(&set, "i.image",
				     "[Image]\nImage=docker-archive:/x\n"
				     "ImageTag=there/x:1\nServiceName=pulls\n");
	struct quadlet_unit *c = put(&set, "c.container",
				     "[Container]\nImage=i.image\nVolume=v.volume:/v:ro\n"
				     "Mount=type=volume,source=v.volume,destination=/w\n"
				     "Network=o.container\n[Unit]\nAfter=o.container x.service\n");
	struct quadlet_unit *o = put(&set, "o.container", "[Container]\nImage=i\n");

	run = line_of(&set, c, "ExecStart");
	assert_non_null(strstr(run, " -v %u-data:/v:ro "));
	assert_non_null(strstr(run, " --mount type=volume,source=%u-data,destination=/w "));
	assert_non_null(strstr(run, " --network container:systemd-o "));
	assert_true(str_has_suffix(run, " there/x:1"));
	assert_non_null(strstr(c->service_text, "\nRequires=pulls.service\n"));
	assert_non_null(strstr(c->service_text, "\nAfter=v-volume.service\n"));
	assert_non_null(strstr(c->service_text, "\nAfter=o.service x.service\n"));
	pull = line_of(&set, i, "ExecStart");
	assert_string_equal(pull, "/bin/cmk image pull docker-archive:/x");
	create = line_of(&set, v, "ExecStart");
	assert_string_equal(
		create, "/bin/cmk volume create --ignore --opt device=/d --gid 4 --label a=b "
			"--opt nocopy --opt o=uid=0,gid=2,bind --opt type=bind --uid 3 %u-data");
	assert_non_null(strstr(v->service_text, "\nRemainAfterExit=yes\n"));
	assert_int_equal(quadlet_convert(&set, o), 0);
}

static void a_refused_file_takes_those_that_need_it(void **state cmk_unused)
{
	cleanup_set struct quadlet_set set = { .user = true };
	struct quadlet_unit *c = put(&set, "c.container",
				     "[Container]\nImage=i\nVolume=v.volume:/v\n");

	(void)put(&set, "v.volume", "[Volume]\nWhat=1\n");
	assert_true(quadlet_convert(&set, c) < 0);
	assert_non_null(strstr(cmk_err_msg(&c->err), "'v.volume' is refused itself"));
}

static void names_that_only_a_unit_knows(void **state cmk_unused)
{
	cleanup_set struct quadlet_set set = { .user = true };
	struct quadlet_unit *c;

	(void)put(&set, "v.volume", "[Volume]\nVolumeName=%p-x\n");
	(void)put(&set, "w.volume", "[Volume]\nVolumeName=%N-%%N\n");
	c = put(&set, "c.container", "[Container]\nImage=i\nVolume=v.volume:/v\n");
	assert_true(quadlet_convert(&set, c) < 0);
	c = put(&set, "d.container", "[Container]\nImage=i\nVolume=w.volume:/v\n");
	assert_int_equal(quadlet_convert(&set, c), 0);
	assert_non_null(strstr(c->service_text, " -v w-volume-%%N:/v "));
}

static void templates(void **state cmk_unused)
{
	cleanup_set struct quadlet_set set = { .user = true };
	cleanup_free char *name = NULL, *service = NULL;
	struct quadlet_unit *t = put(&set, "t@.container",
				     "[Container]\nImage=i\n[Install]\nDefaultInstance=one\n"
				     "WantedBy=default.target\n");
	struct quadlet_unit *i = put(
		&set, "t@two.container",
		"[Container]\nImage=i\n[Install]\nRequiredBy=a.target b.target\n"
		"Alias=other.service\nAlias=in/a/dir/x.service\nUpheldBy=c.service\n");

	name = line_of(&set, t, "ExecStart");
	assert_non_null(strstr(name, " --name systemd-%p_%i "));
	assert_string_equal(t->service, "t@.service");
	assert_string_equal(t->links[0], "default.target.wants/t@one.service");
	assert_string_equal(t->links[1], "../t@.service");
	assert_int_equal(quadlet_convert(&set, i), 0);
	assert_string_equal(i->links[0], "other.service");
	assert_string_equal(i->links[1], "t@two.service");
	assert_string_equal(i->links[2], "in/a/dir/x.service");
	assert_string_equal(i->links[3], "../../../t@two.service");
	assert_string_equal(i->links[4], "a.target.requires/t@two.service");
	assert_string_equal(i->links[6], "b.target.requires/t@two.service");
	assert_string_equal(i->links[8], "c.service.upholds/t@two.service");
	service = quadlet_service_of(&set, "t@three.container");
	assert_string_equal(service, "t@three.service");
}

static void two_files_of_one_unit(void **state cmk_unused)
{
	cleanup_set struct quadlet_set set = { .user = true };
	struct quadlet_unit *b;

	(void)put(&set, "a.container", "[Container]\nImage=i\n");
	b = put(&set, "b.container", "[Container]\nImage=i\nServiceName=a\n");
	assert_true(quadlet_convert(&set, b) < 0);
	assert_non_null(strstr(cmk_err_msg(&b->err), "the unit 'a.service' is that of"));
	b = put(&set, "podman-user-wait-network-online.container", "[Container]\nImage=i\n");
	assert_true(quadlet_convert(&set, b) < 0);
}

static void lists_lead_nowhere_else(void **state cmk_unused)
{
	char dir[] = "/tmp/cmk-test-quadlet.XXXXXX";
	cleanup_strv char **names = NULL, **read = NULL;
	cleanup_free char *app = NULL;
	cleanup_close int fd = -1;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	strv_add(&names, "a.container");
	strv_add(&names, "../b");
	strv_add(&names, ".c");
	assert_int_equal(quadlet_list_write(fd, QUADLET_APP, "shop", names, NULL), 0);
	read = quadlet_list_read(fd, QUADLET_APP, "shop");
	assert_int_equal(strv_len(read), 1);
	app = quadlet_app_of(fd, "a.container");
	assert_string_equal(app, "shop");
	assert_null(quadlet_list_read(fd, QUADLET_APP, "../shop"));
	assert_int_equal(quadlet_list_remove(fd, QUADLET_APP, "shop", NULL), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* What the table says of a key is what the man page says. */
static void the_table_is_whole(void **state cmk_unused)
{
	for (const struct quadlet_key *k = quadlet_keys; k->name; k++) {
		bool option = k->how != QUADLET_OWN && k->how != QUADLET_LINE &&
			      k->how != QUADLET_REFUSED;

		if (option && !k->option)
			fail_msg("%s has no option", k->name);
		if (!option && !k->text)
			fail_msg("%s has no text", k->name);
		for (const struct quadlet_key *o = k + 1; o->name; o++)
			if (o->kind == k->kind && strcmp(k->name, o->name) >= 0)
				fail_msg("%s stands before %s", k->name, o->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(commands),
		cmocka_unit_test(refusals),
		cmocka_unit_test(files_need_each_other),
		cmocka_unit_test(a_refused_file_takes_those_that_need_it),
		cmocka_unit_test(names_that_only_a_unit_knows),
		cmocka_unit_test(templates),
		cmocka_unit_test(two_files_of_one_unit),
		cmocka_unit_test(lists_lead_nowhere_else),
		cmocka_unit_test(the_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
