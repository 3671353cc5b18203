/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that options name, to be read (written ones: output.h). Whatever a name leads to, opening
 * it does not block and has no effect on a device.
 */
#ifndef HS_FILE_H
#define HS_FILE_H

#include <stdint.h>

/* Opens a regular file to read, and tells its size. The descriptor, or -errno without a line. */
int hs_file_input(const char *path, uint64_t *bytes);

/* What is wrong, for the line that names the file; err as hs_file_input() returns it. */
const char *hs_file_problem(int err);

#endif /* HS_FILE_H */
