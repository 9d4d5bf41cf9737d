/** Files of Windows. What posix.c does, by Windows' own calls: UTF-16, long paths, 64-bit positions. */
#include "io/windows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"
#include "io/io.h"
#include "io/map.h"

/** Most bytes of one transfer: network drives refuse large ones for want of system memory. */
#define TRANSFER_BYTES ((size_t)1 << 26)

/** Others may read, write, rename and remove a file while it is open here, as elsewhere. */
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

typedef b2_windows_file system_file;

/* ------------------------------------------------------------------ failures */

static int status_of(int error)
{
    return error == EEXIST ? BLOSC2_E_EXISTS : error == ENOENT ? BLOSC2_E_NOT_FOUND : BLOSC2_E_IO;
}

static int fail(DWORD error, const char *path, const char *action)
{
    char message[256];
    int number = b2_windows_errno(error);
    b2_windows_message(error, message, sizeof message);
    return blosc2_fail_io(status_of(number), number, path, "%s: cannot %s: %s", path, action, message);
}

static int fail_to_rename(DWORD error, const char *from, const char *to)
{
    char message[256];
    int number = b2_windows_errno(error);
    b2_windows_message(error, message, sizeof message);
    return blosc2_fail_io(status_of(number), number, number == EEXIST ? to : from,
                          "%s: cannot rename to %s: %s", from, to, message);
}

/** The status of a system call's result; false comes with an error code. */
static int check(BOOL result, const char *path, const char *action)
{
    return result ? BLOSC2_OK : fail(GetLastError(), path, action);
}

static int check_writable(const system_file *f)
{
    if (f->writable) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_READ_ONLY, 0, f->path, "%s: is open for reading only", f->path);
}

static int check_position(const system_file *f, int64_t position)
{
    if (position >= 0) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_IO, EINVAL, f->path, "%s: offset %" PRId64 " (expected 0 or more)",
                          f->path, position);
}

/* ------------------------------------------------------------------ opening */

HANDLE b2_windows_open(const char *path, DWORD access, DWORD disposition, DWORD flags)
{
    b2_windows_path wide;
    DWORD error = b2_windows_path_init(&wide, path);
    if (!error) return CreateFileW(wide.text, access, SHARE_ALL, NULL, disposition, flags, NULL);
    SetLastError(error);
    return INVALID_HANDLE_VALUE;
}

/** Open a path that must exist for a look at it, whatever it is; links are followed. */
static HANDLE open_to_look(const char *path)
{
    return b2_windows_open(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
}

static b2_path_kind kind_of(HANDLE handle)
{
    BY_HANDLE_FILE_INFORMATION info;
    if (GetFileType(handle) != FILE_TYPE_DISK || !GetFileInformationByHandle(handle, &info))
        return B2_PATH_OTHER;
    return info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? B2_PATH_DIRECTORY : B2_PATH_FILE;
}

typedef enum reparse { REPARSE_NONE, REPARSE_LINK, REPARSE_OTHER } reparse;

/** Symbolic links and junctions are links; the files that sync clients and archivers mark likewise are not.
 */
static reparse reparse_of(HANDLE handle)
{
    FILE_ATTRIBUTE_TAG_INFO info;
    if (!GetFileInformationByHandleEx(handle, FileAttributeTagInfo, &info, sizeof info) ||
        !(info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return REPARSE_NONE;
    return IsReparseTagNameSurrogate(info.ReparseTag) ? REPARSE_LINK : REPARSE_OTHER;
}

static int fail_to_open(DWORD error, const char *path, b2_open_mode mode)
{
    if (error == ERROR_ACCESS_DENIED) { /* what it says of directories */
        HANDLE handle = open_to_look(path);
        bool is_directory = handle != INVALID_HANDLE_VALUE && kind_of(handle) == B2_PATH_DIRECTORY;
        if (handle != INVALID_HANDLE_VALUE) CloseHandle(handle);
        if (is_directory)
            return blosc2_fail_io(BLOSC2_E_IO, EISDIR, path, "%s: cannot open: is a directory", path);
    }
    return fail(error, path, mode == B2_OPEN_NEW ? "create" : "open");
}

/** What may still be wrong with a file that is open; `*handle` may become another one. */
static int check_opened(const char *path, b2_open_mode mode, HANDLE *handle)
{
    reparse mark = mode == B2_OPEN_READ_INSIDE ? reparse_of(*handle) : REPARSE_NONE;
    if (mark == REPARSE_LINK)
        return blosc2_fail_io(BLOSC2_E_IO, ELOOP, path, "%s: cannot open: a symbolic link in a sparse frame",
                              path);
    if (mark == REPARSE_OTHER) { /* its content is behind the mark */
        CloseHandle(*handle);
        *handle = b2_windows_open(path, GENERIC_READ, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL);
        if (*handle == INVALID_HANDLE_VALUE) return fail(GetLastError(), path, "open");
    }
    if (kind_of(*handle) == B2_PATH_FILE) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_IO, EINVAL, path, "%s: cannot open: not a regular file", path);
}

static int system_open(void *context, const char *path, b2_open_mode mode, b2_file **out)
{
    (void)context;
    size_t path_bytes = strlen(path) + 1;
    system_file *f = b2_malloc(sizeof *f + path_bytes);
    if (!f) return blosc2_fail(BLOSC2_E_MEMORY, "%s: cannot allocate a file", path);
    memcpy(f->path, path, path_bytes);
    f->writable = mode == B2_OPEN_UPDATE || mode == B2_OPEN_NEW;
    f->handle =
        b2_windows_open(path, f->writable ? GENERIC_READ | GENERIC_WRITE : GENERIC_READ,
                        mode == B2_OPEN_NEW ? CREATE_NEW : OPEN_EXISTING,
                        mode == B2_OPEN_READ_INSIDE ? FILE_FLAG_OPEN_REPARSE_POINT : FILE_ATTRIBUTE_NORMAL);
    int status = BLOSC2_OK;
    if (f->handle == INVALID_HANDLE_VALUE)
        status = fail_to_open(GetLastError(), path, mode);
    else
        status = check_opened(path, mode, &f->handle);
    if (status < 0) {
        if (f->handle != INVALID_HANDLE_VALUE) CloseHandle(f->handle);
        b2_free(f);
    } else {
        *out = (b2_file *)f;
    }
    return status;
}

static void system_close(void *context, b2_file *file)
{
    (void)context;
    system_file *f = (system_file *)file;
    if (!f) return;
    CloseHandle(f->handle);
    b2_free(f);
}

/* ------------------------------------------------------------------ transfers */

static DWORD piece(size_t bytes)
{
    return (DWORD)(bytes < TRANSFER_BYTES ? bytes : TRANSFER_BYTES);
}

/** A position for ReadFile and WriteFile, which then do not use the one that threads share. */
static OVERLAPPED at(int64_t position)
{
    return (OVERLAPPED){.Offset = (DWORD)position, .OffsetHigh = (DWORD)((uint64_t)position >> 32)};
}

static int system_read(void *context, b2_file *file, void *out, size_t bytes, int64_t position)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    int status = check_position(f, position);
    for (size_t done = 0; status == BLOSC2_OK && done < bytes;) {
        OVERLAPPED place = at(position + (int64_t)done);
        DWORD got = 0;
        if (!ReadFile(f->handle, (char *)out + done, piece(bytes - done), &got, &place) &&
            GetLastError() != ERROR_HANDLE_EOF)
            return fail(GetLastError(), f->path, "read");
        if (got == 0) {
            return blosc2_fail_io(BLOSC2_E_CORRUPT, 0, f->path,
                                  "%s: truncated: %zu bytes wanted at offset %" PRId64 ", %zu are there",
                                  f->path, bytes, position, done);
        }
        done += got;
    }
    return status;
}

static int system_write(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    int status = check_writable(f);
    if (status == BLOSC2_OK) status = check_position(f, position);
    for (size_t done = 0; status == BLOSC2_OK && done < count;) {
        OVERLAPPED place = at(position + (int64_t)done);
        DWORD put = 0;
        if (!WriteFile(f->handle, (const char *)bytes + done, piece(count - done), &put, &place))
            return fail(GetLastError(), f->path, "write");
        if (put == 0) return fail(ERROR_WRITE_FAULT, f->path, "write");
        done += put;
    }
    return status;
}

static int system_size(void *context, b2_file *file, int64_t *bytes)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    LARGE_INTEGER size;
    if (!GetFileSizeEx(f->handle, &size)) return fail(GetLastError(), f->path, "stat");
    *bytes = size.QuadPart;
    return BLOSC2_OK;
}

static int system_truncate(void *context, b2_file *file, int64_t bytes)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    int status = check_writable(f);
    if (status == BLOSC2_OK) status = check_position(f, bytes);
    if (status < 0) return status;
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = bytes};
    return check(SetFileInformationByHandle(f->handle, FileEndOfFileInfo, &end, sizeof end), f->path,
                 "truncate");
}

static int system_sync(void *context, b2_file *file)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    if (!f->writable) return BLOSC2_OK; /* Windows refuses, and nothing of ours is to be written */
    return check(FlushFileBuffers(f->handle), f->path, "sync");
}

/** Nothing lies in memory: that is io/mapped.c's, for those who ask for it. */
static const uint8_t *system_map(void *context, b2_file *file, size_t bytes, int64_t position)
{
    (void)context;
    (void)file;
    (void)bytes;
    (void)position;
    return NULL;
}

int b2_map_file(b2_file *file, int64_t bytes, const uint8_t **out)
{
    const system_file *f = (const system_file *)file;
    const void *view = NULL;
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    if ((uint64_t)bytes <= SIZE_MAX) {
        HANDLE mapping = CreateFileMappingW(f->handle, NULL, PAGE_READONLY, 0, 0, NULL);
        if (mapping) view = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, (size_t)bytes);
        if (!view) error = GetLastError();
        if (mapping) CloseHandle(mapping); /* the view holds it */
    }
    if (!view) return fail(error, f->path, "map");
    *out = view;
    return BLOSC2_OK;
}

void b2_unmap_file(const uint8_t *bytes, int64_t size)
{
    (void)size;
    if (bytes) UnmapViewOfFile(bytes);
}

/* ------------------------------------------------------------------ names */

/** Apply a call that takes one path. */
static int change(BOOL(WINAPI *call)(LPCWSTR), const char *path, const char *action)
{
    b2_windows_path wide;
    DWORD error = b2_windows_path_init(&wide, path);
    return error ? fail(error, path, action) : check(call(wide.text), path, action);
}

/** Rename so that who has `to` open keeps what he has, as POSIX does: Windows 10 of 2017, on NTFS. */
static BOOL rename_over_open(const wchar_t *from, const wchar_t *to)
{
    enum { CLASS = 22, REPLACE = 1, POSIX_SEMANTICS = 2 }; /* FileRenameInfoEx and its flags: newer headers */
    union {
        FILE_RENAME_INFO info;
        uint8_t room[sizeof(FILE_RENAME_INFO) + sizeof(b2_windows_path)];
    } request = {0};
    const DWORD flags = REPLACE | POSIX_SEMANTICS;
    const size_t name_bytes = wcslen(to) * sizeof *to;
    memcpy(&request.info, &flags, sizeof flags); /* they share the place of ReplaceIfExists */
    request.info.FileNameLength = (DWORD)name_bytes;
    memcpy(request.room + offsetof(FILE_RENAME_INFO, FileName), to, name_bytes);
    HANDLE handle = CreateFileW(from, DELETE, SHARE_ALL, NULL, OPEN_EXISTING,
                                FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (handle == INVALID_HANDLE_VALUE) return FALSE;
    BOOL done =
        SetFileInformationByHandle(handle, (FILE_INFO_BY_HANDLE_CLASS)CLASS, &request, sizeof request);
    CloseHandle(handle);
    return done;
}

static BOOL rename_over(const wchar_t *from, const wchar_t *to)
{
    return rename_over_open(from, to) || MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING);
}

static BOOL rename_new(const wchar_t *from, const wchar_t *to)
{
    return MoveFileExW(from, to, 0);
}

static int rename_by(BOOL (*call)(const wchar_t *, const wchar_t *), const char *from, const char *to)
{
    b2_windows_path wide_from, wide_to;
    DWORD error = b2_windows_path_init(&wide_from, from);
    if (!error) error = b2_windows_path_init(&wide_to, to);
    if (!error && call(wide_from.text, wide_to.text)) return BLOSC2_OK;
    return fail_to_rename(error ? error : GetLastError(), from, to);
}

static int system_rename_new(void *context, const char *from, const char *to)
{
    (void)context;
    return rename_by(rename_new, from, to);
}

static int system_rename_over(void *context, const char *from, const char *to)
{
    (void)context;
    return rename_by(rename_over, from, to);
}

static int system_remove(void *context, const char *path)
{
    (void)context;
    return change(DeleteFileW, path, "remove");
}

static BOOL WINAPI make_directory(LPCWSTR path)
{
    return CreateDirectoryW(path, NULL);
}

static int system_make_directory(void *context, const char *path)
{
    (void)context;
    return change(make_directory, path, "make the directory");
}

static int system_remove_directory(void *context, const char *path)
{
    (void)context;
    return change(RemoveDirectoryW, path, "remove the directory");
}

static int system_kind(void *context, const char *path, b2_path_kind *kind)
{
    (void)context;
    HANDLE handle = open_to_look(path);
    if (handle == INVALID_HANDLE_VALUE) {
        int status = fail(GetLastError(), path, "stat");
        if (status != BLOSC2_E_NOT_FOUND) return status;
        *kind = B2_PATH_NONE;
    } else {
        *kind = kind_of(handle);
        CloseHandle(handle);
    }
    return BLOSC2_OK;
}

int b2_windows_identify(HANDLE handle, const char *path, b2_identity *out)
{
    BY_HANDLE_FILE_INFORMATION info;
    int status = check(GetFileInformationByHandle(handle, &info), path, "stat");
    if (status < 0) return status;
    /* In units of 100 ns, since 1601: only compared. */
    int64_t written =
        (int64_t)((uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 | info.ftLastWriteTime.dwLowDateTime);
    *out = (b2_identity){.device = info.dwVolumeSerialNumber,
                         .number = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow,
                         .bytes = (int64_t)((uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow),
                         .seconds = written / 10000000,
                         .nanoseconds = written % 10000000 * 100,
                         .links = info.nNumberOfLinks};
    return BLOSC2_OK;
}

static int system_identity(void *context, const char *path, b2_identity *out)
{
    (void)context;
    HANDLE handle = open_to_look(path);
    if (handle == INVALID_HANDLE_VALUE) return fail(GetLastError(), path, "stat");
    int status = b2_windows_identify(handle, path, out);
    CloseHandle(handle);
    return status;
}

static int system_identify(void *context, b2_file *file, b2_identity *out)
{
    (void)context;
    const system_file *f = (const system_file *)file;
    return b2_windows_identify(f->handle, f->path, out);
}

static int system_sync_directory(void *context, const char *path)
{
    (void)context;
    HANDLE handle = b2_windows_open(path, GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    if (handle == INVALID_HANDLE_VALUE && GetLastError() == ERROR_ACCESS_DENIED)
        return BLOSC2_OK; /* for who only reads there is nothing to do */
    if (handle == INVALID_HANDLE_VALUE) return fail(GetLastError(), path, "open");
    FlushFileBuffers(handle); /* file systems may have no such thing for a directory, and NTFS keeps a log */
    CloseHandle(handle);
    return BLOSC2_OK;
}

/** Entries with names that UTF-8 cannot say, or that are too long for a file of ours, are left out. */
static int system_list(void *context, const char *path, b2_list_fn *visit, void *visit_context)
{
    (void)context;
    char pattern[B2_WINDOWS_PATH], name[MAX_PATH * 4];
    b2_windows_path wide;
    WIN32_FIND_DATAW found;
    int length = snprintf(pattern, sizeof pattern, "%s/*", path);
    if (length < 0 || (size_t)length >= sizeof pattern) return fail(ERROR_FILENAME_EXCED_RANGE, path, "list");
    DWORD error = b2_windows_path_init(&wide, pattern);
    if (error) return fail(error, path, "list");
    HANDLE search = FindFirstFileW(wide.text, &found);
    if (search == INVALID_HANDLE_VALUE) return fail(GetLastError(), path, "list");
    do {
        if (!WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL)) continue;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) visit(visit_context, name);
    } while (FindNextFileW(search, &found));
    error = GetLastError();
    FindClose(search);
    return error == ERROR_NO_MORE_FILES ? BLOSC2_OK : fail(error, path, "list");
}

/* UTF-8 of a full path, without the mark that lifts limits; NULL if it has none, or memory is short. */
static char *narrow_path(const wchar_t *text)
{
    static const wchar_t mark[] = L"\\\\?\\", remote[] = L"UNC\\";
    if (wcsncmp(text, mark, 4) == 0) text += 4;
    if (wcsncmp(text, remote, 4) == 0) return NULL; /* of another machine: left as it was given */
    int bytes = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *out = bytes > 0 ? b2_malloc((size_t)bytes) : NULL;
    if (out) WideCharToMultiByte(CP_UTF8, 0, text, -1, out, bytes, NULL, NULL);
    return out;
}

/* What Windows calls the final path. */
static char *final_path(const char *path)
{
    wchar_t wide[B2_WINDOWS_PATH];
    HANDLE handle = open_to_look(path);
    if (handle == INVALID_HANDLE_VALUE) return NULL;
    DWORD length = GetFinalPathNameByHandleW(handle, wide, B2_WINDOWS_PATH, 0);
    CloseHandle(handle);
    if (length == 0 || length >= B2_WINDOWS_PATH) return NULL;
    return narrow_path(wide);
}

/* Whether a path stays the same whatever the working directory and drive are. */
static bool is_full(const char *path)
{
    bool has_drive = path[0] != '\0' && path[1] == ':';
    return has_drive ? b2_io_is_separator(path[2])
                     : b2_io_is_separator(path[0]) && b2_io_is_separator(path[1]);
}

static char *full_path(const char *path)
{
    b2_windows_path wide;
    return b2_windows_path_init(&wide, path) == 0 ? narrow_path(wide.text) : NULL;
}

/* Only a link is replaced by where it leads; others stay as they were given, but that they are full. */
static int system_resolve(void *context, const char *path, char **out)
{
    (void)context;
    HANDLE handle = b2_windows_open(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING,
                                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
    bool is_link = handle != INVALID_HANDLE_VALUE && reparse_of(handle) == REPARSE_LINK;
    if (handle != INVALID_HANDLE_VALUE) CloseHandle(handle);
    *out = is_link ? final_path(path) : NULL;
    if (!*out && !is_full(path)) *out = full_path(path);
    if (!*out) *out = b2_io_join(path, "", "");
    return *out ? BLOSC2_OK : BLOSC2_E_MEMORY;
}

const b2_io *b2_io_system(void)
{
    static const b2_io table = {
        .open = system_open,
        .close = system_close,
        .read = system_read,
        .write = system_write,
        .size = system_size,
        .truncate = system_truncate,
        .sync = system_sync,
        .map = system_map,
        .rename_new = system_rename_new,
        .rename_over = system_rename_over,
        .remove = system_remove,
        .make_directory = system_make_directory,
        .remove_directory = system_remove_directory,
        .kind = system_kind,
        .identity = system_identity,
        .identify = system_identify,
        .sync_directory = system_sync_directory,
        .list = system_list,
        .resolve = system_resolve,
        .lock = b2_windows_lock,
        .hold = b2_windows_hold,
        .narrow = b2_windows_narrow,
        .held = b2_windows_held,
        .unlock = b2_windows_unlock,
    };
    return &table;
}
