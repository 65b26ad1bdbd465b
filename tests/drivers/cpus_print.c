/* cpus_print.c - cpus_allowed(), or cpus_quota() of a file and a folder */
#include "base/cpus.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	printf("%u\n", argc == 3 ? cpus_quota(argv[1], argv[2])
				 : cpus_allowed());
	return 0;
}
