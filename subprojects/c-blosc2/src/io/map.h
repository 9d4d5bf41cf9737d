/** Files of the system's table (io/io.h) in memory: posix.c and windows.c do it, mapped.c makes use of it. */
#ifndef B2_IO_MAP_H
#define B2_IO_MAP_H

#include <stdint.h>

#include "io/io.h"

/**
 * Map the first `bytes` > 0 bytes of a file of b2_io_system().
 * @param out  Valid until b2_unmap_file(), even if the file is closed before.
 */
int b2_map_file(b2_file *file, int64_t bytes, const uint8_t **out);

void b2_unmap_file(const uint8_t *bytes, int64_t size); /* NULL is fine */

#endif
