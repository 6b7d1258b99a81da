// SPDX-License-Identifier: Apache-2.0
#include "image/helper.h"

#include <openssl/evp.h>

#include "base/file.h"

#define INPUT_MAX ((size_t)4 << 20)

int helper_fail(const char *text)
{
	/* Neither dprintf(3) nor fstat(2): the sandbox has no way from a descriptor to its file. */
	(void)write_all(STDERR_FILENO, text, strlen(text));
	(void)write_all(STDERR_FILENO, "\n", 1);
	return HELPER_FAILED;
}

int helper_read_all(int fd, char **ret, size_t *ret_len)
{
	char *buf = xcalloc(1, INPUT_MAX + 1);
	ssize_t n = read_full(fd, buf, INPUT_MAX + 1);

	*ret = buf;
	if (n < 0 || (size_t)n > INPUT_MAX)
		return -EFBIG;
	*ret_len = (size_t)n;
	return 0;
}

bool helper_key_is_known(const EVP_PKEY *key)
{
	int id = EVP_PKEY_get_base_id(key);

	if (id == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) >= 2048;
	return id == EVP_PKEY_EC || id == EVP_PKEY_ED25519;
}
