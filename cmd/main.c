// SPDX-License-Identifier: Apache-2.0
#include "cmd/option.h"

int main(void)
{
	return 125;
}
