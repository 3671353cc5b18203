// SPDX-License-Identifier: BSD-2-Clause
/*
 * kexec [-p] KERNEL INITRD COMMAND-LINE - loads a kernel by kexec_file_load(2), as the
 * next one (and starts it), or with -p as the one for after a crash.
 * Exit status: 0 with -p when it is loaded; 1 with a line on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int crash = argc > 1 && !strcmp(argv[1], "-p");
	int kernel, initrd;

	argv += crash;
	if (argc - crash != 4) {
		fprintf(stderr, "usage: kexec [-p] KERNEL INITRD COMMAND-LINE\n");
		return 1;
	}
	kernel = open(argv[1], O_RDONLY);
	initrd = open(argv[2], O_RDONLY);
	if (kernel < 0 || initrd < 0 ||
	    syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3],
		    crash ? KEXEC_FILE_ON_CRASH : 0)) {
		fprintf(stderr, "kexec: %s\n", strerror(errno));
		return 1;
	}
	if (crash)
		return 0;
	reboot(LINUX_REBOOT_CMD_KEXEC);
	fprintf(stderr, "kexec: %s\n", strerror(errno));
	return 1;
}
