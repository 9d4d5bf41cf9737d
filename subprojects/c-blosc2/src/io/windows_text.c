/** Paths and error codes of Windows: io/windows.h. */
#include "io/windows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/checked.h"

/* ------------------------------------------------------------------ paths */

/** Full paths from here on get the prefix: CreateDirectory's limit, 260 less room for a name of 8.3. */
enum { LONG_PATH = 248 };

/** Its name is not in all versions of winerror.h. */
enum { DISK_QUOTA_EXCEEDED = 1295 };

/**
 * What a full path must begin with so that it may be long, and how much of the path that replaces: `C:\a` is
 * `\\?\C:\a`, `\\server\share\a` is `\\?\UNC\server\share\a`. `\\?\` and `\\.\` are there already.
 */
static const wchar_t *long_prefix(const wchar_t *path, size_t *replaced)
{
    *replaced = 0;
    if (path[0] != L'\\' || path[1] != L'\\') return L"\\\\?\\";
    if (path[2] == L'?' || path[2] == L'.') return L"";
    *replaced = 2;
    return L"\\\\?\\UNC\\";
}

DWORD b2_windows_path_init(b2_windows_path *out, const char *path)
{
    const DWORD room = B2_WINDOWS_PATH - (DWORD)B2_COUNT(L"\\\\?\\UNC\\");
    wchar_t given[B2_WINDOWS_PATH];
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, given, B2_WINDOWS_PATH) == 0)
        return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ERROR_FILENAME_EXCED_RANGE : GetLastError();
    DWORD length = GetFullPathNameW(given, room, out->text, NULL);
    if (length == 0) return GetLastError();
    if (length >= room) return ERROR_FILENAME_EXCED_RANGE;
    if (length < LONG_PATH) return 0;
    size_t replaced;
    const wchar_t *prefix = long_prefix(out->text, &replaced);
    size_t prefix_length = wcslen(prefix);
    memmove(out->text + prefix_length, out->text + replaced, (length + 1 - replaced) * sizeof *prefix);
    memcpy(out->text, prefix, prefix_length * sizeof *prefix);
    return 0;
}

/* ------------------------------------------------------------------ failures */

int b2_windows_errno(DWORD error)
{
    switch (error) { /* System Error Codes, in Microsoft's reference */
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
    case ERROR_BAD_PATHNAME:
        return ENOENT;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        return EEXIST;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_DELETE_PENDING:
    case ERROR_NETWORK_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
        return EACCES;
    case ERROR_WRITE_PROTECT:
        return EROFS;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case DISK_QUOTA_EXCEEDED:
        return ENOSPC;
    case ERROR_FILE_TOO_LARGE:
        return EFBIG;
    case ERROR_DIR_NOT_EMPTY:
        return ENOTEMPTY;
    case ERROR_DIRECTORY:
        return ENOTDIR;
    case ERROR_NOT_SAME_DEVICE:
        return EXDEV;
    case ERROR_FILENAME_EXCED_RANGE:
        return ENAMETOOLONG;
    case ERROR_NO_UNICODE_TRANSLATION:
        return EILSEQ;
    case ERROR_INVALID_NAME:
    case ERROR_INVALID_PARAMETER:
    case ERROR_NEGATIVE_SEEK:
        return EINVAL;
    case ERROR_TOO_MANY_OPEN_FILES:
        return EMFILE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
        return ENOMEM;
    default:
        return EIO;
    }
}

void b2_windows_message(DWORD error, char *out, size_t out_bytes)
{
    wchar_t wide[256];
    const DWORD flags =
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    DWORD length = FormatMessageW(flags, NULL, error, 0, wide, B2_COUNT(wide), NULL);
    while (length > 0 && (wide[length - 1] == L' ' || wide[length - 1] == L'.')) length--;
    int bytes = 0;
    if (length > 0)
        bytes = WideCharToMultiByte(CP_UTF8, 0, wide, (int)length, out, (int)out_bytes - 1, NULL, NULL);
    if (bytes > 0)
        out[bytes] = '\0';
    else
        snprintf(out, out_bytes, "Windows error %lu", error);
}
