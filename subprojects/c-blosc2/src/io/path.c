/** Paths: put together, and the directories that they are in. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/io.h"

char *b2_io_join(const char *path, const char *separator, const char *name)
{
    size_t bytes = strlen(path) + strlen(separator) + strlen(name) + 1;
    char *joined = b2_malloc(bytes);
    if (joined)
        snprintf(joined, bytes, "%s%s%s", path, separator, name);
    else
        blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    return joined;
}

bool b2_io_is_separator(char c)
{
#ifdef _WIN32
    return c == '/' || c == '\\';
#else
    return c == '/';
#endif
}

int b2_io_sync_parent(const b2_io *io, const char *path)
{
    size_t bytes = strlen(path);
    while (bytes > 0 && !b2_io_is_separator(path[bytes - 1])) bytes--;
    char *directory = b2_malloc(bytes + 2);
    if (!directory) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    memcpy(directory, bytes ? path : ".", bytes ? bytes : 1);
    directory[bytes ? bytes : 1] = '\0';
    int status = io->sync_directory(io->context, directory);
    b2_free(directory);
    return status;
}
