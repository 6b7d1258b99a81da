// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"
#include "image/rekor.h"
#include "tests/unit/unit.h"

#define HASH "0123456789012345678901234567890123456789012345678901234567890123"
#define PEM "-----BEGIN PUBLIC KEY-----\nYWJj\nZGVm\n-----END PUBLIC KEY-----\n"
#define ENTRY(kind, version, algorithm, hash, signature)                                        \
	"{\"apiVersion\":\"" version "\",\"kind\":\"" kind                                      \
	"\",\"spec\":{\"data\":{\"hash\":{\"algorithm\":\"" algorithm "\",\"value\":\"" hash    \
	"\"}},\"signature\":{\"content\":\"" signature "\",\"publicKey\":{\"content\":\"%s\"}}" \
	"}}"
#define GOOD ENTRY("hashedrekord", "0.0.1", "sha256", HASH, "c2ln")

/* The body of an entry by the key PEM; owned. */
static char *body_of(const char *entry, const char *pem)
{
	cleanup_free char *key = base64_encoded(pem, strlen(pem)), *text = NULL;
	const char *at = strstr(entry, "%s");

	text = xasprintf("%.*s%s%s", (int)(at - entry), entry, key, at + 2);
	return base64_encoded(text, strlen(text));
}

static int parse(const char *entry, const char *pem, const char *rest, struct rekor_bundle *ret,
		 struct cmk_err *err)
{
	cleanup_free char *body = body_of(entry, pem);
	cleanup_free char *text = xasprintf(
		"{\"Payload\":{\"logID\":\"c0d2\",%s,\"body\":\"%s\"},\"SignedEntryTimestamp\":"
		"\"c2V0\"}",
		rest, body);

	return rekor_bundle_parse(text, strlen(text), ret, err);
}

static void refuse(const char *entry, const char *pem, const char *rest, const char *why)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct rekor_bundle b = { 0 };

	if (parse(entry, pem, rest, &b, &err) == 0)
		fail_msg("'%s', '%s' was taken", entry, rest);
	if (!strstr(cmk_err_msg(&err), why))
		fail_msg("'%s' does not say '%s'", cmk_err_msg(&err), why);
}

#define NUMBERS "\"logIndex\":7,\"integratedTime\":1700000000"
/* What the log has signed is put together again, whatever the bundle's order. */
static void good(void **state cmk_unused)
{
	cleanup_free char *body = body_of(GOOD, PEM), *want = NULL;
	struct rekor_bundle b = { 0 };

	assert_int_equal(parse(GOOD, PEM, NUMBERS, &b, NULL), 0);
	want = xasprintf("{\"body\":\"%s\",\"integratedTime\":1700000000,\"logID\":\"c0d2\","
			 "\"logIndex\":7}",
			 body);
	assert_string_equal(b.text, want);
	assert_int_equal(b.len, strlen(want));
	assert_int_equal(b.time, 1700000000);
	assert_string_equal(b.payload.hex, HASH);
	assert_string_equal(b.set, "set");
	assert_string_equal(b.signature, "sig");
	assert_string_equal(b.key, "abcdef");
	assert_int_equal(b.key_len, 6);
	rekor_bundle_done(&b);
}

static void entries(void **state cmk_unused)
{
	refuse(ENTRY("rekord", "0.0.1", "sha256", HASH, "c2ln"), PEM, NUMBERS, "\"kind\"");
	refuse(ENTRY("hashedrekord", "0.0.2", "sha256", HASH, "c2ln"), PEM, NUMBERS,
	       "\"apiVersion\"");
	refuse(ENTRY("hashedrekord", "0.0.1", "sha512", HASH, "c2ln"), PEM, NUMBERS,
	       "\"algorithm\"");
	refuse(ENTRY("hashedrekord", "0.0.1", "sha256", HASH "0", "c2ln"), PEM, NUMBERS, "SHA-256");
	refuse(ENTRY("hashedrekord", "0.0.1", "sha256", HASH, "c2l"), PEM, NUMBERS, "base64");
	refuse(GOOD, "", NUMBERS, "PEM");
	refuse(GOOD, PEM PEM, NUMBERS, "PEM");
	refuse(GOOD, PEM "x", NUMBERS, "PEM");
	refuse(GOOD, " " PEM, NUMBERS, "PEM");
	refuse("{\"x\":\"%s\"}", PEM, NUMBERS, "\"kind\"");
	refuse("[\"%s\"]", PEM, NUMBERS, "\"kind\"");
}

static void numbers(void **state cmk_unused)
{
	static const char *const bad[] = {
		"\"logIndex\":7,\"integratedTime\":1.7e9",
		"\"logIndex\":7,\"integratedTime\":-1",
		"\"logIndex\":7,\"integratedTime\":\"1\"",
		"\"logIndex\":7,\"integratedTime\":9007199254740993",
		"\"logIndex\":9007199254740993,\"integratedTime\":1",
		"\"logIndex\":null,\"integratedTime\":1",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuse(GOOD, PEM, bad[i], "not an entry of a log");
	refuse(GOOD, PEM, NUMBERS ",\"more\":1", "4 members");
	refuse(GOOD, PEM, "\"logIndex\":7", "4 members");
	refuse(GOOD, PEM, NUMBERS ",\"logIndex\":8", "twice");
}

static void checks(void **state cmk_unused)
{
	struct rekor_bundle b = { .signature = xstrdup("sig"), .signature_len = 3 };

	digest_of("text", 4, &b.payload);
	assert_int_equal(rekor_bundle_check(&b, "text", 4, "sig", 3, NULL), 0);
	assert_int_equal(rekor_bundle_check(&b, "texT", 4, "sig", 3, NULL), -EACCES);
	assert_int_equal(rekor_bundle_check(&b, "text", 4, "siG", 3, NULL), -EACCES);
	assert_int_equal(rekor_bundle_check(&b, "text", 4, "si", 2, NULL), -EACCES);
	rekor_bundle_done(&b);
}

static void pem(void **state cmk_unused)
{
	const char *rest = NULL;
	size_t n = 0;
	char *s = rekor_pem_decoded(PEM "more", &n, &rest);

	assert_string_equal(s, "abcdef");
	assert_int_equal(n, 6);
	assert_string_equal(rest, "more");
	free(s);
	assert_null(rekor_pem_decoded("-----BEGIN A-----\nYWJj\n-----END B-----\n", &n, &rest));
	assert_null(
		rekor_pem_decoded("-----BEGIN A\nB-----\nYWJj\n-----END A\nB-----\n", &n, &rest));
	assert_null(
		rekor_pem_decoded("-----BEGIN A-----\nH: v\n\nYWJj\n-----END A-----\n", &n, &rest));
	assert_null(rekor_pem_decoded("-----BEGIN A-----\nYWJj", &n, &rest));
	assert_null(rekor_pem_decoded("", &n, &rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),	  cmocka_unit_test(entries), cmocka_unit_test(numbers),
		cmocka_unit_test(checks), cmocka_unit_test(pem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
