/** Between the UTF-8 and errno of this library and the UTF-16 and error codes of Windows. */
#ifndef B2_IO_WINDOWS_H
#define B2_IO_WINDOWS_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <stdbool.h>
#include <windows.h>

#include "io/io.h"

/** What a b2_file of the system's table is. */
typedef struct b2_windows_file {
    HANDLE handle;
    bool writable;
    char path[]; /* for messages */
} b2_windows_file;

/** CreateFileW of a UTF-8 path, shared with all. @return INVALID_HANDLE_VALUE with an error code. */
HANDLE b2_windows_open(const char *path, DWORD access, DWORD disposition, DWORD flags);

/** Of an open file. */
int b2_windows_identify(HANDLE handle, const char *path, b2_identity *out);

/* Functions of the table: io/windows_lock.c. */
int b2_windows_lock(void *context, const char *path, b2_file **out);
int b2_windows_hold(void *context, const char *path, b2_identity *of, b2_file **out);
void b2_windows_narrow(void *context, b2_file *own, b2_numbers numbers);
b2_held b2_windows_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found);
void b2_windows_unlock(void *context, b2_file *file);

/** A path for Windows, up to what other systems allow; without the heap, for cleaning up when that is full.
 */
enum { B2_WINDOWS_PATH = 4096 };
typedef struct b2_windows_path {
    wchar_t text[B2_WINDOWS_PATH];
} b2_windows_path;

/**
 * The full path of a name, in the form that has no limit of 260 characters where it needs that.
 * @param path  UTF-8, with either slash; relative to the current directory unless absolute.
 * @return 0, or a Windows error code.
 */
DWORD b2_windows_path_init(b2_windows_path *out, const char *path);

/** The errno that says the same as a Windows error code; EIO where none does. */
int b2_windows_errno(DWORD error);

/** Windows' words for an error code, UTF-8, without a final stop. */
void b2_windows_message(DWORD error, char *out, size_t out_bytes);

#endif
