// SPDX-License-Identifier: Apache-2.0
#include "network/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each line is one -p; all of them together make one list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_strv char **line = strv_split(text, '\n');
	struct port_mapping *list = NULL;
	size_t n = 0;

	for (size_t i = 0; line && line[i]; i++)
		(void)port_mapping_parse(line[i], &list, &n, NULL);
	for (size_t i = 0; i < n; i++)
		if (list[i].range < 1 || list[i].container_port < 1 ||
		    list[i].container_port + list[i].range - 1 > 65535 ||
		    list[i].host_port + list[i].range - 1 > 65535)
			abort();
	port_mapping_list_free(list, n);
	return 0;
}
