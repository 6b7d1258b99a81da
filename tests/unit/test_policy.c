// SPDX-License-Identifier: Apache-2.0
#include "image/lookaside.h"
#include "image/policy.h"
#include "image/signature.h"
#include "tests/unit/unit.h"

#define ACCEPT "[{\"type\":\"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\":\"reject\"}]"

static void parse(const char *text, struct policy *ret)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (policy_parse(text, strlen(text), ret, &err) < 0)
		fail_msg("'%s': %s", text, cmk_err_msg(&err));
}

static void refuse(const char *text, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct policy p = { 0 };

	if (policy_parse(text, strlen(text), &p, &err) == 0)
		fail_msg("'%s' was taken", text);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s': '%s' does not say '%s'", text, cmk_err_msg(&err), why);
}

static void strict(void **state cmk_unused)
{
	refuse("{}", "Default policy is missing");
	refuse("{\"default\":[]}", "must not be empty");
	refuse("{\"default\":{}}", "not an array");
	refuse("{\"default\":" ACCEPT ",\"more\":1}", "unknown key \"more\"");
	refuse("{\"default\":" ACCEPT ",\"default\":" ACCEPT "}", "twice");
	refuse("{\"default\":[{\"type\":\"reject\",\"keyPath\":\"/a\"}]}", "unknown key");
	refuse("{\"default\":[{\"type\":\"Reject\"}]}", "Unknown policy requirement type");
	refuse("{\"default\":[{}]}", "\"type\" is missing");
	refuse("{\"default\":" ACCEPT ",\"transports\":{\"dir\":{\"/\":" REJECT "}}}",
	       "Invalid scope");
	refuse("{\"default\":" ACCEPT ",\"transports\":{\"oci\":{\"/a/../b\":" REJECT "}}}",
	       "non-canonical");
	refuse("{\"default\":" ACCEPT ",\"transports\":{\"oci\":{\"/a/\":" REJECT "}}}",
	       "non-canonical");
	refuse("{\"default\":" ACCEPT ",\"transports\":{\"docker-archive\":{\"/a\":" REJECT "}}}",
	       "does not support any scopes");
}

static void keys(void **state cmk_unused)
{
	const struct policy_requirement *q;
	struct policy p = { 0 };

	refuse("{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\"}]}", "none of them");
	refuse("{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"x\",\"keyPath\":\"/a\"}]}",
	       "Unrecognized keyType");
	refuse("{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/a\","
	       "\"keyPaths\":[\"/b\"]}]}",
	       "more than one");
	refuse("{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPaths\":[]}]}",
	       "keyPaths");
	refuse("{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyData\":\"%%\"}]}",
	       "not base64");
	refuse("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"/a\",\"fulcio\":{}}]}",
	       "exactly one of");
	refuse("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"/a\",\"signedIdentity\":"
	       "{\"type\":\"exactReference\",\"dockerReference\":\"a/b\"}}]}",
	       "neither a tag nor digest");
	refuse("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"/a\",\"signedIdentity\":"
	       "{\"type\":\"remapIdentity\",\"prefix\":\"a.example/"
	       "b:t\",\"signedPrefix\":\"c\"}}]}",
	       "is not valid");
	parse("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyDatas\":[\"YWJj\",\"ZA==\"]},"
	      "{\"type\":\"sigstoreSigned\",\"fulcio\":{\"caPath\":\"/c\",\"oidcIssuer\":\"i\","
	      "\"subjectEmail\":\"e\"},\"rekorPublicKeyPaths\":[\"/k\",\"/l\"]},"
	      "{\"type\":\"sigstoreSigned\",\"pki\":{\"caRootsData\":\"YWJj\",\"subjectHostname\":"
	      "\"h\"}}]}",
	      &p);
	assert_int_equal(p.n_scopes, 1);
	assert_int_equal(p.scopes[0].n, 3);
	assert_int_equal(p.scopes[0].list[0].keys.n_datas, 2);
	assert_string_equal(p.scopes[0].list[0].keys.datas[0].data, "abc");
	assert_int_equal(p.scopes[0].list[0].keys.datas[1].len, 1);
	assert_null(p.scopes[0].list[0].unsupported);
	q = &p.scopes[0].list[1];
	assert_int_equal(q->by, BY_FULCIO);
	assert_string_equal(q->roots.paths[0], "/c");
	assert_string_equal(q->logs.paths[1], "/l");
	assert_string_equal(q->issuer, "i");
	assert_string_equal(q->email, "e");
	assert_null(q->unsupported);
	q = &p.scopes[0].list[2];
	assert_int_equal(q->by, BY_PKI);
	assert_string_equal(q->roots.datas[0].data, "abc");
	assert_string_equal(q->host, "h");
	assert_false(policy_keys_any(&q->logs));
	policy_done(&p);
}

#define SIGSTORE(members) "{\"default\":[{\"type\":\"sigstoreSigned\"," members "}]}"
#define LOG "\"rekorPublicKeyPath\":\"/k\""
#define FULCIO(members) SIGSTORE(LOG ",\"fulcio\":{" members "}")
static void authorities(void **state cmk_unused)
{
	struct policy p = { 0 };

	refuse(SIGSTORE("\"fulcio\":{\"caPath\":\"/"
			"c\",\"oidcIssuer\":\"i\",\"subjectEmail\":\"e\"}"),
	       "must be specified if fulcio is used");
	refuse(FULCIO("\"oidcIssuer\":\"i\",\"subjectEmail\":\"e\""), "exactly one of caPath");
	refuse(FULCIO("\"caPath\":\"/c\",\"caData\":\"YQ==\",\"oidcIssuer\":\"i\",\"subjectEmail\":"
		      "\"e\""),
	       "exactly one of caPath");
	refuse(FULCIO("\"caPath\":\"/c\",\"subjectEmail\":\"e\""), "oidcIssuer not specified");
	refuse(FULCIO("\"caPath\":\"/c\",\"oidcIssuer\":\"i\""), "subjectEmail not specified");
	refuse(FULCIO("\"caPath\":\"/c\",\"oidcIssuer\":\"\",\"subjectEmail\":\"e\""), "is empty");
	refuse(FULCIO("\"caPath\":\"/c\",\"oidcIssuer\":\"i\",\"subjectEmail\":\"e\",\"more\":1"),
	       "unknown key \"more\" in fulcio");
	refuse(SIGSTORE("\"fulcio\":[]," LOG), "fulcio is not an object");
	refuse(SIGSTORE("\"keyPath\":\"/a\"," LOG ",\"rekorPublicKeyData\":\"YQ==\""),
	       "at most one of rekorPublicKeyPath");
	refuse(SIGSTORE("\"keyPath\":\"/a\",\"rekorPublicKeyDatas\":[]"), "rekorPublicKeyDatas");
	refuse(SIGSTORE("\"pki\":{\"caRootsPath\":\"/c\"}"), "At least one of subjectEmail");
	refuse(SIGSTORE("\"pki\":{\"subjectEmail\":\"e\"}"), "exactly one of caRootsPath");
	refuse(SIGSTORE("\"pki\":{\"caRootsPath\":\"/c\",\"subjectEmail\":\"e\","
			"\"caIntermediatesPath\":\"/i\",\"caIntermediatesData\":\"YQ==\"}"),
	       "caIntermediatesPath and caIntermediatesData");
	refuse(SIGSTORE("\"pki\":{\"caRootsPath\":\"/c\",\"subjectEmail\":\"e\"},\"keyPath\":\"/"
			"a\""),
	       "exactly one of keyPath");
	/* Nobody can say what it would mean. */
	parse(SIGSTORE("\"pki\":{\"caRootsPath\":\"/c\",\"subjectEmail\":\"e\"}," LOG), &p);
	assert_non_null(p.scopes[0].list[0].unsupported);
	policy_done(&p);
}

static void image(const char *name, struct policy_image *ret)
{
	struct image_ref ref = { 0 };

	assert_int_equal(image_ref_parse(name, &ref, NULL), 0);
	policy_image_docker(&ref, ret);
	image_ref_done(&ref);
}

static void expect_scope(const struct policy *p, const char *name, const char *want)
{
	const struct policy_scope *s;
	struct policy_image i;

	image(name, &i);
	s = policy_find(p, &i);
	assert_non_null(s);
	if (!streq(s->name, want))
		fail_msg("'%s': scope '%s', not '%s'", name, s->name, want);
	policy_image_done(&i);
}

static void scopes(void **state cmk_unused)
{
	struct policy p = { 0 };

	parse("{\"default\":" REJECT ",\"transports\":{\"atomic\":{\"r.example\":" ACCEPT
	      "},\"docker\":{"
	      "\"\":" ACCEPT ",\"r.example\":" ACCEPT ",\"r.example/a\":" ACCEPT
	      ",\"r.example/a/b\":" ACCEPT ",\"r.example/a/b:1\":" ACCEPT ",\"*.example\":" ACCEPT
	      ",\"*.x.example\":" ACCEPT "}}}",
	      &p);
	expect_scope(&p, "r.example/a/b:1", "r.example/a/b:1");
	expect_scope(&p, "r.example/a/b:2", "r.example/a/b");
	expect_scope(&p, "r.example/a/bc:1", "r.example/a");
	expect_scope(&p, "r.example/ab:1", "r.example");
	expect_scope(&p, "r.example:5000/a/b:1", "*.example");
	expect_scope(&p, "other.org:5000/a", "");
	expect_scope(&p, "q.example/a", "*.example");
	expect_scope(&p, "q.x.example/a", "*.x.example");
	expect_scope(&p, "q.y.x.example/a", "*.x.example");
	/* Wildcards are of hosts, whatever the port. */
	expect_scope(&p, "q.x.example:5000/a", "*.x.example");
	expect_scope(&p, "other.org/a", "");
	policy_done(&p);
	parse("{\"default\":" REJECT "}", &p);
	expect_scope(&p, "r.example/a", "");
	assert_int_equal(p.scopes[0].list[0].type, POLICY_REJECT);
	policy_done(&p);
}

static bool matches(const struct policy_identity *want, const char *name, const char *signed_name)
{
	struct policy_image i;
	bool r;

	image(name, &i);
	r = policy_identity_matches(want, &i, signed_name);
	policy_image_done(&i);
	return r;
}

#define D "sha256:0123456789012345678901234567890123456789012345678901234567890123"
static void identity(void **state cmk_unused)
{
	struct policy_identity w = { .type = IDENTITY_REPO_DIGEST_OR_EXACT };
	char name[] = "r.example/other/x:3", prefix[] = "r.example/m", vendor[] = "v.example";

	assert_true(matches(&w, "r.example/a:1", "r.example/a:1"));
	assert_false(matches(&w, "r.example/a:1", "r.example/a:2"));
	assert_false(matches(&w, "r.example/a:1", "r.example/a"));
	assert_false(matches(&w, "r.example/a:latest", "r.example/a"));
	assert_true(matches(&w, "r.example/a@" D, "r.example/a:2"));
	assert_false(matches(&w, "r.example/a@" D, "r.example/b:2"));
	assert_true(matches(&w, "docker.io/library/a:1", "a:1"));
	w.type = IDENTITY_EXACT;
	assert_false(matches(&w, "r.example/a@" D, "r.example/a:2"));
	assert_true(matches(&w, "r.example/a@" D, "r.example/a@" D));
	w.type = IDENTITY_REPOSITORY;
	assert_true(matches(&w, "r.example/a:1", "r.example/a"));
	assert_false(matches(&w, "r.example/a:1", "r.example/a/b"));
	assert_false(matches(&w, "r.example/a:1", "docker://r.example/a"));
	w = (struct policy_identity){ IDENTITY_REFERENCE, name, NULL };
	assert_true(matches(&w, "r.example/a:1", "r.example/other/x:3"));
	assert_false(matches(&w, "r.example/a:1", "r.example/other/x"));
	assert_false(matches(&w, "r.example/a:1", "r.example/a:1"));
	w.type = IDENTITY_GIVEN_REPOSITORY;
	assert_true(matches(&w, "r.example/a:1", "r.example/other/x:4"));
	w = (struct policy_identity){ IDENTITY_REMAP, prefix, vendor };
	assert_true(matches(&w, "r.example/m/a/b:1", "v.example/a/b:1"));
	assert_false(matches(&w, "r.example/m/a/b:1", "r.example/m/a/b:1"));
	assert_true(matches(&w, "r.example/ma/b:1", "r.example/ma/b:1"));
}

static void files(void **state cmk_unused)
{
	struct policy p = { 0 };
	struct policy_image i;

	parse("{\"default\":" REJECT ",\"transports\":{\"oci\":{\"/usr\":" ACCEPT
	      ",\"/usr/lib:x\":" ACCEPT "}}}",
	      &p);
	policy_image_file("oci", "/usr/bin/../lib/", "x", &i);
	assert_string_equal(policy_find(&p, &i)->name, "/usr/lib:x");
	policy_image_done(&i);
	policy_image_file("oci", "/usr/lib", NULL, &i);
	assert_string_equal(policy_find(&p, &i)->name, "/usr");
	/* Without a name in a registry nothing but a given name matches. */
	assert_false(policy_identity_matches(&(struct policy_identity){ IDENTITY_REPOSITORY }, &i,
					     "r.example/a:1"));
	policy_image_done(&i);
	policy_image_file("oci", "/etc", NULL, &i);
	assert_null(policy_find(&p, &i)->transport);
	policy_image_done(&i);
	policy_done(&p);
}

static void expect_claim(const char *text, int want)
{
	struct signature_claim c = { 0 };
	int r = signature_claim_parse(text, strlen(text), SIGNATURE_TYPE_SIMPLE, &c, NULL);

	if ((r < 0) != (want < 0))
		fail_msg("'%s': %d", text, r);
	signature_claim_done(&c);
}

#define CRITICAL                                                                     \
	"\"critical\":{\"type\":\"atomic container signature\",\"image\":{\"docker-" \
	"manifest-digest\":\"" D "\"},\"identity\":{\"docker-reference\":\"a:1\"}"
static void claims(void **state cmk_unused)
{
	expect_claim("{" CRITICAL "},\"optional\":{\"x\":[1],\"timestamp\":1,\"creator\":\"c\"}}",
		     0);
	expect_claim("{" CRITICAL "},\"optional\":{\"timestamp\":\"1\"}}", -1);
	expect_claim("{" CRITICAL "},\"optional\":null}", -1);
	expect_claim("{" CRITICAL "}}", -1);
	expect_claim("{" CRITICAL "},\"optional\":{},\"more\":{}}", -1);
	expect_claim("{" CRITICAL ",\"more\":1},\"optional\":{}}", -1);
	expect_claim("{" CRITICAL "},\"optional\":{}} ", 0);
	expect_claim("{" CRITICAL "},\"optional\":{}}{}", -1);
}

static void lookasides(void **state cmk_unused)
{
	static const char text[] =
		"{\"default-docker\":{\"lookaside\":\"https://d\"},\"docker\":{\"r.example\":{"
		"\"sigstore\":\"https://old\",\"lookaside-staging\":\"file:///w\","
		"\"use-sigstore-attachments\":true},\"r.example/a:1\":{\"lookaside\":\"https://n/"
		"\"}}}";
	struct lookaside_conf c = { 0 };
	struct policy_image i;
	char *s;

	assert_int_equal(lookaside_conf_add(&c, text, strlen(text), NULL), 0);
	image("r.example/a:1", &i);
	s = lookaside_base(&c, &i, false);
	assert_string_equal(s, "https://n/");
	free(s);
	/* A scope that says nothing of it leaves it to the wider one. */
	assert_true(lookaside_attachments(&c, &i));
	s = lookaside_place("https://n/", &i, &(struct digest){ "ab" });
	assert_string_equal(s, "https://n/a@sha256=ab");
	free(s);
	policy_image_done(&i);
	image("r.example/b:1", &i);
	s = lookaside_base(&c, &i, true);
	assert_string_equal(s, "file:///w");
	free(s);
	policy_image_done(&i);
	image("q.example/b:1", &i);
	s = lookaside_base(&c, &i, true);
	assert_string_equal(s, "https://d");
	free(s);
	assert_false(lookaside_attachments(&c, &i));
	policy_image_done(&i);
	/* Twice is once too often, also in another file. */
	assert_int_equal(lookaside_conf_add(&c, text, strlen(text), NULL), -EEXIST);
	lookaside_conf_done(&c);
}

static void armour(void **state cmk_unused)
{
	static const char text[] = "x\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: c\n\n"
				   "mDME\nYWJj\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
	struct strbuf ring = STRBUF_INIT;

	signature_keyring_add(&ring, text, strlen(text));
	assert_int_equal(ring.len, 6);
	assert_memory_equal(ring.data,
			    "\x98\x33\x04"
			    "abc",
			    6);
	strbuf_reset(&ring);
	signature_keyring_add(&ring, "\x98\x00", 2);
	assert_int_equal(ring.len, 2);
	strbuf_reset(&ring);
	signature_keyring_add(&ring, text, 50);
	assert_int_equal(ring.len, 0);
	strbuf_done(&ring);
}

/* A payload of the length that the file has it, however long. */
static void attached(void **state)
{
	static const char head[] = "\0sigstore-json\n{\"payload\":\"";
	static const char tail[] =
		"\",\"annotations\":{\"dev.cosignproject.cosign/signature\":\"c2ln\"}}";
	struct strbuf blob = STRBUF_INIT;
	struct signatures s = { 0 };

	(void)state;
	strbuf_add(&blob, head, sizeof(head) - 1);
	for (size_t i = 0; i < 250000; i++)
		strbuf_adds(&blob, "YWJj");
	strbuf_adds(&blob, tail);
	assert_int_equal(signatures_add_blob(&s, blob.data, blob.len, NULL), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].sigstore);
	assert_int_equal(s.list[0].len, 750000);
	assert_memory_equal(s.list[0].data + 749997, "abc", 3);
	assert_string_equal(s.list[0].base64, "c2ln");
	blob.data[sizeof(head) - 1] = '!';
	assert_int_equal(signatures_add_blob(&s, blob.data, blob.len, NULL), -EINVAL);
	signatures_done(&s);
	strbuf_done(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict),      cmocka_unit_test(keys),
		cmocka_unit_test(authorities), cmocka_unit_test(scopes),
		cmocka_unit_test(identity),    cmocka_unit_test(files),
		cmocka_unit_test(claims),      cmocka_unit_test(lookasides),
		cmocka_unit_test(armour),      cmocka_unit_test(attached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
