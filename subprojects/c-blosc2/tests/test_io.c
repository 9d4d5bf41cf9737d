/** The four tables of I/O, the system's in a temporary directory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "base/checked.h"
#include "base/memory.h"
#include "check.h"
#include "io/io.h"
#include "scratch.h"

static const char *directory;

/** `name` inside of the temporary directory; valid for 8 calls. */
static const char *at(const char *name)
{
    static char paths[8][SCRATCH_PATH_BYTES];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/** The last failure names `path`, has `error`, and its message begins with the path. */
static bool failure_names(const char *path, int error)
{
    return blosc2_last_os_error() == error && strcmp(blosc2_last_path(), path) == 0 &&
           strncmp(blosc2_last_error(), path, strlen(path)) == 0;
}

static b2_path_kind kind_of(const b2_io *io, const char *path)
{
    b2_path_kind kind = B2_PATH_OTHER;
    CHECK_OK(io->kind(io->context, path, &kind));
    return kind;
}

static void make_file(const b2_io *io, const char *path, const char *content)
{
    b2_file *file = NULL;
    CHECK_OK(io->open(io->context, path, B2_OPEN_NEW, &file));
    CHECK_OK(io->write(io->context, file, content, strlen(content), 0));
    io->close(io->context, file);
}

static bool file_has(const b2_io *io, const char *path, const char *content)
{
    b2_file *file = NULL;
    char bytes[64];
    int64_t size = -1;
    if (io->open(io->context, path, B2_OPEN_READ, &file) < 0) return false;
    bool same = io->size(io->context, file, &size) == BLOSC2_OK && size == (int64_t)strlen(content) &&
                io->read(io->context, file, bytes, strlen(content), 0) == BLOSC2_OK &&
                memcmp(bytes, content, strlen(content)) == 0;
    io->close(io->context, file);
    return same;
}

/** What every table's files that can be written do. `file` is empty, and is so again at the end. */
static void check_transfers(const b2_io *io, b2_file *file)
{
    void *c = io->context;
    char bytes[16];
    int64_t size = -1;
    CHECK_OK(io->write(c, file, "0123456789", 10, 0));
    CHECK_OK(io->read(c, file, bytes, 4, 3));
    CHECK(memcmp(bytes, "3456", 4) == 0);
    CHECK_OK(io->read(c, file, bytes, 0, 10));
    CHECK(io->read(c, file, bytes, 1, 10) == BLOSC2_E_CORRUPT && strstr(blosc2_last_error(), "truncated"));
    CHECK(io->read(c, file, bytes, 4, 7) == BLOSC2_E_CORRUPT &&
          strstr(blosc2_last_error(), "4 bytes wanted"));
    CHECK(io->read(c, file, bytes, 1, INT64_MAX - 1) == BLOSC2_E_CORRUPT);
    CHECK(io->read(c, file, bytes, 1, -1) < 0 && io->write(c, file, bytes, 1, -1) < 0);
    CHECK_OK(io->write(c, file, "XY", 2, 9));  /* over the end */
    CHECK_OK(io->write(c, file, "Z", 1, 14));  /* past it */
    CHECK_OK(io->write(c, file, NULL, 0, 20)); /* nothing: the file stays as it is */
    CHECK_OK(io->size(c, file, &size));
    CHECK(size == 15);
    CHECK_OK(io->read(c, file, bytes, 15, 0));
    CHECK(memcmp(bytes, "012345678XY\0\0\0Z", 15) == 0);
    CHECK_OK(io->truncate(c, file, 3));
    CHECK_OK(io->truncate(c, file, 6));
    CHECK_OK(io->read(c, file, bytes, 6, 0));
    CHECK(memcmp(bytes, "012\0\0\0", 6) == 0);
    CHECK(io->truncate(c, file, -1) < 0);
    CHECK_OK(io->sync(c, file));
    CHECK_OK(io->truncate(c, file, 0));
    CHECK_OK(io->size(c, file, &size));
    CHECK(size == 0);
}

/* ------------------------------------------------------------------ system */

static void test_system_transfers(void)
{
    const b2_io *io = b2_io_system();
    b2_file *file = NULL;
    const char *path = at("transfers");
    CHECK_OK(io->open(io->context, path, B2_OPEN_NEW, &file));
    check_transfers(io, file);
    char byte;
    CHECK(io->map(io->context, file, 0, 0) == NULL);
    CHECK(io->read(io->context, file, &byte, 1, 0) == BLOSC2_E_CORRUPT && failure_names(path, 0));
    CHECK(io->read(io->context, file, &byte, 1, -1) == BLOSC2_E_IO && failure_names(path, EINVAL));
    io->close(io->context, file);
    io->close(io->context, NULL);
    CHECK_OK(io->remove(io->context, path));
}

static void test_system_reaches_large_offsets(void)
{
    const b2_io *io = b2_io_system();
    const int64_t distant = (INT64_C(5) << 30) + 3;
    b2_file *file = NULL;
    int64_t size = 0;
    char bytes[8];
    make_file(io, at("sparse"), "");
    scratch_make_sparse(at("sparse"));
    CHECK_OK(io->open(io->context, at("sparse"), B2_OPEN_UPDATE, &file));
    CHECK_OK(io->write(io->context, file, "last", 4, distant));
    CHECK_OK(io->size(io->context, file, &size));
    CHECK(size == distant + 4);
    CHECK_OK(io->read(io->context, file, bytes, 8, distant - 4));
    CHECK(memcmp(bytes, "\0\0\0\0last", 8) == 0);
    CHECK_OK(io->truncate(io->context, file, distant));
    CHECK(io->read(io->context, file, bytes, 1, distant) == BLOSC2_E_CORRUPT);
    io->close(io->context, file);
    CHECK_OK(io->remove(io->context, at("sparse")));
}

static void test_system_opens_as_asked(void)
{
    const b2_io *io = b2_io_system();
    const char *path = at("file");
    b2_file *file = NULL;
    char byte;
    CHECK(io->open(io->context, path, B2_OPEN_READ, &file) == BLOSC2_E_NOT_FOUND &&
          failure_names(path, ENOENT));
    CHECK(io->open(io->context, path, B2_OPEN_UPDATE, &file) == BLOSC2_E_NOT_FOUND && file == NULL);
    make_file(io, path, "content");
    CHECK(io->open(io->context, path, B2_OPEN_NEW, &file) == BLOSC2_E_EXISTS && failure_names(path, EEXIST));

    CHECK_OK(io->open(io->context, path, B2_OPEN_READ, &file));
    CHECK(io->write(io->context, file, "x", 1, 0) == BLOSC2_E_READ_ONLY && failure_names(path, 0));
    CHECK(io->truncate(io->context, file, 0) == BLOSC2_E_READ_ONLY && failure_names(path, 0));
    CHECK_OK(io->sync(io->context, file));
    io->close(io->context, file);

    CHECK_OK(io->open(io->context, path, B2_OPEN_READ_INSIDE, &file));
    CHECK_OK(io->read(io->context, file, &byte, 1, 0));
    io->close(io->context, file);

    CHECK_OK(io->open(io->context, path, B2_OPEN_UPDATE, &file));
    CHECK_OK(io->write(io->context, file, "C", 1, 0));
    io->close(io->context, file);
    CHECK(file_has(io, path, "Content"));

    b2_memory_fail_after(0);
    CHECK(io->open(io->context, path, B2_OPEN_READ, &file) == BLOSC2_E_MEMORY);
    b2_memory_fail_after(-1);
    CHECK_OK(io->remove(io->context, path));
}

static void test_system_renames_without_replacing(void)
{
    const b2_io *io = b2_io_system();
    const char *from = at("from"), *to = at("to");
    make_file(io, from, "new");
    make_file(io, to, "old");
    CHECK(io->rename_new(io->context, from, to) == BLOSC2_E_EXISTS && blosc2_last_os_error() == EEXIST);
    CHECK(strcmp(blosc2_last_path(), to) == 0 && strstr(blosc2_last_error(), from));
    CHECK(file_has(io, from, "new") && file_has(io, to, "old"));
    CHECK_OK(io->rename_over(io->context, from, to));
    CHECK(file_has(io, to, "new") && kind_of(io, from) == B2_PATH_NONE);
    CHECK_OK(io->rename_new(io->context, to, from));
    CHECK(file_has(io, from, "new") && kind_of(io, to) == B2_PATH_NONE);
    CHECK_OK(io->remove(io->context, from));
    CHECK(io->rename_new(io->context, from, to) == BLOSC2_E_NOT_FOUND && failure_names(from, ENOENT));
    CHECK(io->rename_over(io->context, from, to) == BLOSC2_E_NOT_FOUND && failure_names(from, ENOENT));
}

/** As a writer replaces what a reader is reading. */
static void test_system_renames_open_files(void)
{
    const b2_io *io = b2_io_system();
    const char *from = at("from"), *to = at("to");
    b2_file *reader = NULL, *writer = NULL;
    char bytes[3];
    make_file(io, to, "old");
    CHECK_OK(io->open(io->context, to, B2_OPEN_READ, &reader));
    CHECK_OK(io->open(io->context, from, B2_OPEN_NEW, &writer));
    CHECK_OK(io->write(io->context, writer, "new", 3, 0));
    int status = io->rename_over(io->context, from, to);
    CHECK_OK(io->read(io->context, reader, bytes, 3, 0));
    CHECK(memcmp(bytes, "old", 3) == 0);
#ifdef _WIN32 /* where the file system cannot replace open files (FAT, those of Wine), it must say so */
    if (status < 0) {
        CHECK(status == BLOSC2_E_IO && failure_names(from, EACCES) && file_has(io, to, "old"));
        io->close(io->context, reader);
        reader = NULL;
        status = io->rename_over(io->context, from, to);
    }
#endif
    CHECK(status == BLOSC2_OK && file_has(io, to, "new"));
    CHECK_OK(io->write(io->context, writer, "N", 1, 0)); /* under its new name */
    CHECK(file_has(io, to, "New"));
    CHECK_OK(io->rename_new(io->context, to, from));
    io->close(io->context, writer);
    io->close(io->context, reader);
    CHECK_OK(io->remove(io->context, from));
}

static void test_system_takes_long_and_foreign_names(void)
{
    static const char name[] = "gr\xc3\xb6\xc3\x9f"
                               "e-\xe6\x95\xb0\xe7\xbb\x84-\xf0\x9f\x98\x80"; /* of 2, 3 and 4 bytes */
    const b2_io *io = b2_io_system();
    char path[SCRATCH_PATH_BYTES];
    size_t lengths[20], depth = 0;
    snprintf(path, sizeof path, "%s", directory);
    for (; depth < B2_COUNT(lengths); depth++) {
        lengths[depth] = strlen(path);
        snprintf(path + lengths[depth], sizeof path - lengths[depth], "/%s", name);
        if (depth + 1 < B2_COUNT(lengths)) CHECK_OK(io->make_directory(io->context, path));
    }
    CHECK(strlen(path) > 400); /* Windows' plain names end at 260 characters */
    char moved[SCRATCH_PATH_BYTES];
    snprintf(moved, sizeof moved, "%s.moved", path);
    make_file(io, path, "content");
    CHECK(file_has(io, path, "content"));
    b2_identity before, after;
    CHECK_OK(io->identity(io->context, path, &before));
    CHECK_OK(io->rename_new(io->context, path, moved));
    CHECK_OK(io->identity(io->context, moved, &after));
    CHECK(before.device == after.device && before.number == after.number && before.bytes == after.bytes);
    CHECK(before.seconds == after.seconds && before.nanoseconds == after.nanoseconds);
    CHECK_OK(io->rename_over(io->context, moved, path));
    CHECK(io->remove(io->context, moved) == BLOSC2_E_NOT_FOUND && failure_names(moved, ENOENT));
    CHECK_OK(io->remove(io->context, path));
    while (--depth > 0) {
        path[lengths[depth]] = '\0';
        CHECK_OK(io->sync_directory(io->context, path));
        CHECK_OK(io->remove_directory(io->context, path));
    }
}

static void test_system_identity_tells_files_and_writes(void)
{
    const b2_io *io = b2_io_system();
    const char *one = at("one"), *other = at("other");
    b2_identity a, b, again;
    make_file(io, one, "content");
    make_file(io, other, "content");
    CHECK_OK(io->identity(io->context, one, &a));
    CHECK_OK(io->identity(io->context, other, &b));
    CHECK_OK(io->identity(io->context, one, &again));
    CHECK(a.device == b.device && a.number != b.number && a.bytes == 7);
    CHECK(a.number == again.number && a.seconds == again.seconds && a.nanoseconds == again.nanoseconds);
    b2_file *file = NULL;
    CHECK_OK(io->open(io->context, one, B2_OPEN_UPDATE, &file));
    CHECK_OK(io->write(io->context, file, "longer content", 14, 0));
    io->close(io->context, file);
    CHECK_OK(io->identity(io->context, one, &again));
    CHECK(a.number == again.number && again.bytes == 14);
    CHECK_OK(io->remove(io->context, one));
    CHECK_OK(io->remove(io->context, other));
    CHECK(io->identity(io->context, one, &a) == BLOSC2_E_NOT_FOUND && failure_names(one, ENOENT));
}

static bool same_identity(const b2_identity *a, const b2_identity *b)
{
    return a->device == b->device && a->number == b->number && a->bytes == b->bytes;
}

static void check_open_file_keeps_its_identity(const b2_io *io)
{
    const char *one = at("one"), *moved = at("moved");
    b2_identity before, named, opened;
    make_file(b2_io_system(), one, "content");
    CHECK_OK(io->identity(io->context, one, &before));
    b2_file *file = NULL;
    CHECK_OK(io->open(io->context, one, B2_OPEN_READ, &file));
    CHECK_OK(b2_io_system()->rename_new(b2_io_system()->context, one, moved));
    make_file(b2_io_system(), one, "others");
    CHECK_OK(io->identify(io->context, file, &opened));
    CHECK_OK(io->identity(io->context, one, &named));
    CHECK(same_identity(&before, &opened) && !same_identity(&named, &opened));
    CHECK(opened.seconds == before.seconds && opened.nanoseconds == before.nanoseconds);
    io->close(io->context, file);
    CHECK_OK(b2_io_system()->remove(b2_io_system()->context, one));
    CHECK_OK(b2_io_system()->remove(b2_io_system()->context, moved));
}

static void test_open_files_have_the_identity_that_they_had(void)
{
    b2_io mapped;
    b2_io_mapped(&mapped);
    check_open_file_keeps_its_identity(b2_io_system());
    check_open_file_keeps_its_identity(&mapped);
}

static void test_temporary_names_lie_beside_the_path(void)
{
    char *name = b2_io_temporary_name("a/b.b2nd");
    CHECK(name && strncmp(name, "a/b.b2nd.tmp-", 13) == 0);
    b2_free(name);
    b2_memory_fail_after(0);
    CHECK(b2_io_temporary_name("a") == NULL);
    b2_memory_fail_after(-1);
}

static void test_system_refuses_what_is_no_regular_file(void)
{
    static const b2_open_mode modes[] = {B2_OPEN_READ, B2_OPEN_UPDATE, B2_OPEN_READ_INSIDE};
#ifdef _WIN32
    static const char nothing[] = "NUL";
#else
    static const char nothing[] = "/dev/null";
#endif
    const b2_io *io = b2_io_system();
    for (size_t i = 0; i < B2_COUNT(modes); i++) {
        b2_file *file = NULL;
        CHECK(io->open(io->context, directory, modes[i], &file) == BLOSC2_E_IO &&
              failure_names(directory, EISDIR));
        CHECK(io->open(io->context, nothing, modes[i], &file) == BLOSC2_E_IO &&
              failure_names(nothing, EINVAL));
        CHECK(strstr(blosc2_last_error(), "not a regular file"));
    }
    CHECK(kind_of(io, nothing) == B2_PATH_OTHER);
}

static void test_system_directories(void)
{
    const b2_io *io = b2_io_system();
    void *c = io->context;
    const char *from = at("a.b2frame"), *to = at("b.b2frame"), *inside = at("a.b2frame/file");
    CHECK_OK(io->make_directory(c, from));
    CHECK(io->make_directory(c, from) == BLOSC2_E_EXISTS && failure_names(from, EEXIST));
    CHECK(kind_of(io, from) == B2_PATH_DIRECTORY && kind_of(io, to) == B2_PATH_NONE);
    make_file(io, inside, "x");
    CHECK(kind_of(io, inside) == B2_PATH_FILE && kind_of(io, at("a.b2frame/file/x")) == B2_PATH_NONE);
    CHECK_OK(io->sync_directory(c, from));
    CHECK(io->remove_directory(c, from) == BLOSC2_E_IO && failure_names(from, ENOTEMPTY));
    CHECK(io->remove(c, from) < 0 && kind_of(io, from) == B2_PATH_DIRECTORY);

    CHECK_OK(io->make_directory(c, to));
    CHECK(io->rename_new(c, from, to) == BLOSC2_E_EXISTS); /* an empty directory is taken, too */
    CHECK_OK(io->remove_directory(c, to));
    make_file(io, to, "old");
    CHECK(io->rename_new(c, from, to) == BLOSC2_E_EXISTS && file_has(io, to, "old"));
    CHECK_OK(io->remove(c, to));
    CHECK_OK(io->rename_new(c, from, to));
    CHECK(kind_of(io, from) == B2_PATH_NONE && file_has(io, at("b.b2frame/file"), "x"));
    CHECK_OK(io->remove(c, at("b.b2frame/file")));
    CHECK(io->remove(c, at("b.b2frame/file")) == BLOSC2_E_NOT_FOUND);
    CHECK_OK(io->remove_directory(c, to));
    CHECK(io->remove_directory(c, to) == BLOSC2_E_NOT_FOUND && failure_names(to, ENOENT));
    CHECK(io->sync_directory(c, to) == BLOSC2_E_NOT_FOUND && failure_names(to, ENOENT));
    CHECK(io->make_directory(c, at("no/such")) == BLOSC2_E_NOT_FOUND);
    CHECK_OK(io->sync_directory(c, directory));
}

#ifndef _WIN32 /* which has no descriptors, no named pipes among the files, and links for some users only */

static void test_system_closes_descriptors_on_exec(void)
{
    const b2_io *io = b2_io_system();
    b2_file *file = NULL;
    int next = dup(0);
    close(next);
    CHECK_OK(io->open(io->context, at("exec"), B2_OPEN_NEW, &file));
    CHECK((fcntl(next, F_GETFD) & FD_CLOEXEC) != 0);
    io->close(io->context, file);
    CHECK(fcntl(next, F_GETFD) < 0);
    CHECK_OK(io->remove(io->context, at("exec")));
}

static void test_system_does_not_wait_for_pipes(void)
{
    static const b2_open_mode modes[] = {B2_OPEN_READ, B2_OPEN_UPDATE, B2_OPEN_READ_INSIDE};
    const b2_io *io = b2_io_system();
    const char *pipe = at("pipe");
    CHECK(mkfifo(pipe, 0600) == 0);
    for (size_t i = 0; i < B2_COUNT(modes); i++) {
        b2_file *file = NULL;
        CHECK(io->open(io->context, pipe, modes[i], &file) == BLOSC2_E_IO && failure_names(pipe, EINVAL));
        CHECK(strstr(blosc2_last_error(), "not a regular file"));
    }
    CHECK(kind_of(io, pipe) == B2_PATH_OTHER);
    CHECK_OK(io->remove(io->context, pipe));
}

static void test_system_refuses_links_inside_of_frames(void)
{
    const b2_io *io = b2_io_system();
    const char *link = at("link"), *target = at("target");
    b2_file *file = NULL;
    make_file(io, target, "content");
    CHECK(symlink(target, link) == 0);
    CHECK(file_has(io, link, "content"));
    CHECK(io->open(io->context, link, B2_OPEN_READ_INSIDE, &file) == BLOSC2_E_IO &&
          failure_names(link, ELOOP));
    CHECK(strstr(blosc2_last_error(), "symbolic link"));
    CHECK(kind_of(io, link) == B2_PATH_FILE);
    CHECK_OK(io->remove(io->context, target));
    CHECK(kind_of(io, link) == B2_PATH_NONE);
    CHECK(io->open(io->context, link, B2_OPEN_NEW, &file) == BLOSC2_E_EXISTS); /* does not write through it */
    make_file(io, target, "new");
    CHECK(io->rename_new(io->context, target, link) == BLOSC2_E_EXISTS); /* taken, though it leads nowhere */
    CHECK_OK(io->remove(io->context, target));
    CHECK_OK(io->remove(io->context, link));
}

static void test_system_reports_denied_access(void)
{
    const b2_io *io = b2_io_system();
    const char *path = at("denied");
    b2_file *file = NULL;
    char name[300] = {0};
    memset(name, 'x', sizeof name - 1);
    b2_path_kind kind;
    CHECK(io->open(io->context, name, B2_OPEN_READ, &file) == BLOSC2_E_IO &&
          failure_names(name, ENAMETOOLONG));
    CHECK(io->kind(io->context, name, &kind) == BLOSC2_E_IO && failure_names(name, ENAMETOOLONG));
    make_file(io, path, "x");
    CHECK(chmod(path, 0) == 0);
    if (geteuid() != 0) { /* root may do everything */
        CHECK(io->open(io->context, path, B2_OPEN_READ, &file) == BLOSC2_E_IO && failure_names(path, EACCES));
    }
    CHECK_OK(io->remove(io->context, path));
}

#endif

/* ------------------------------------------------------------------ memory */

static void test_memory_is_a_growing_file(void)
{
    b2_io *io = NULL;
    b2_file *file = NULL, *again = NULL;
    CHECK_OK(b2_io_memory_create(&io));
    CHECK_OK(io->open(io->context, "", B2_OPEN_NEW, &file));
    CHECK(io->map(io->context, file, 0, 0) == NULL); /* nothing is there */
    check_transfers(io, file);
    for (int i = 0; i < 5000; i++) {
        uint8_t byte = (uint8_t)i;
        CHECK_OK(io->write(io->context, file, &byte, 1, i));
    }
    const uint8_t *bytes = io->map(io->context, file, 5000, 0);
    CHECK(bytes && bytes[4999] == (uint8_t)4999 && io->map(io->context, file, 1, 4999) == bytes + 4999);
    CHECK(io->map(io->context, file, 0, 5000) == bytes + 5000);
    CHECK(!io->map(io->context, file, 1, 5000) && !io->map(io->context, file, 2, 4999));
    CHECK(!io->map(io->context, file, 1, -1) && !io->map(io->context, file, SIZE_MAX, 1));
    CHECK(!io->map(io->context, file, 0, INT64_MAX));

    CHECK_OK(io->open(io->context, "any", B2_OPEN_READ, &again)); /* the same */
    int64_t size = 0;
    CHECK_OK(io->size(io->context, again, &size));
    CHECK(size == 5000);
    io->close(io->context, again);
    io->close(io->context, file);

    uint8_t *taken = NULL;
    size_t taken_bytes = 0;
    b2_io_memory_take(io, &taken, &taken_bytes);
    CHECK(taken == bytes && taken_bytes == 5000);
    CHECK_OK(io->size(io->context, file, &size));
    CHECK(size == 0);
    CHECK_OK(io->write(io->context, file, "x", 1, 2));
    CHECK(memcmp(io->map(io->context, file, 3, 0), "\0\0x", 3) == 0);
    b2_free(taken);
    b2_io_memory_free(io);
    b2_io_memory_free(NULL);
}

static void test_memory_survives_failed_allocations(void)
{
    b2_io *io = NULL;
    b2_file *file = NULL;
    char bytes[3];
    int64_t size = 0;
    b2_memory_fail_after(0);
    CHECK(b2_io_memory_create(&io) == BLOSC2_E_MEMORY && io == NULL);
    b2_memory_fail_after(-1);
    CHECK_OK(b2_io_memory_create(&io));
    CHECK_OK(io->open(io->context, "", B2_OPEN_NEW, &file));
    CHECK_OK(io->write(io->context, file, "abc", 3, 0));
    b2_memory_fail_after(0);
    CHECK(io->write(io->context, file, "12345", 5, 2) == BLOSC2_E_MEMORY);
    CHECK(io->truncate(io->context, file, 1000) == BLOSC2_E_MEMORY);
    b2_memory_fail_after(-1);
    CHECK(io->write(io->context, file, "x", 1, INT64_MAX) == BLOSC2_E_ARGUMENT);
    CHECK_OK(io->size(io->context, file, &size));
    CHECK_OK(io->read(io->context, file, bytes, 3, 0));
    CHECK(size == 3 && memcmp(bytes, "abc", 3) == 0);
    b2_io_memory_free(io);
}

static void test_memory_has_no_names(void)
{
    b2_io *io = NULL;
    CHECK_OK(b2_io_memory_create(&io));
    CHECK_OK(io->rename_new(io->context, "a", "b"));
    CHECK_OK(io->rename_over(io->context, "a", "b"));
    CHECK_OK(io->remove(io->context, "a"));
    CHECK_OK(io->sync_directory(io->context, "a"));
    CHECK(kind_of(io, "a") == B2_PATH_FILE);
    CHECK(io->make_directory(io->context, "a") == BLOSC2_E_ARGUMENT);
    CHECK(io->remove_directory(io->context, "a") == BLOSC2_E_ARGUMENT);
    b2_io_memory_free(io);
}

/* ------------------------------------------------------------------ source */

/** A callback over ten digits, which fails at offsets 7 to 9. */
static int read_digits(void *context, void *out, size_t bytes, int64_t position)
{
    ++*(int *)context;
    if (position == 8) return blosc2_fail(BLOSC2_E_NOT_FOUND, "range of offset 8 is gone");
    if (position == 9) return -1;
    if (position == 7) return blosc2_fail(1, "a status of its own");
    memcpy(out, &"0123456789"[position], bytes);
    return 0;
}

static void test_source_reads_what_is_inside(void)
{
    b2_io *io = NULL;
    b2_file *file = NULL;
    int calls = 0;
    char bytes[16];
    int64_t size = 0;
    CHECK(b2_io_source_create(read_digits, &calls, -1, &io) == BLOSC2_E_ARGUMENT);
    CHECK_OK(b2_io_source_create(read_digits, &calls, 10, &io));
    CHECK_OK(io->open(io->context, "", B2_OPEN_READ, &file));
    CHECK_OK(io->size(io->context, file, &size));
    CHECK(size == 10);
    CHECK_OK(io->read(io->context, file, bytes, 3, 2));
    CHECK(memcmp(bytes, "234", 3) == 0 && calls == 1);
    CHECK_OK(io->read(io->context, file, bytes, 10, 0));
    CHECK_OK(io->read(io->context, file, bytes, 0, 10));
    CHECK(calls == 2);
    CHECK(io->read(io->context, file, bytes, 11, 0) == BLOSC2_E_CORRUPT &&
          strstr(blosc2_last_error(), "truncated"));
    CHECK(io->read(io->context, file, bytes, SIZE_MAX, 1) == BLOSC2_E_CORRUPT);
    CHECK(io->read(io->context, file, bytes, 1, -1) == BLOSC2_E_CORRUPT);
    CHECK(io->read(io->context, file, bytes, 1, INT64_MAX) == BLOSC2_E_CORRUPT);
    CHECK(calls == 2);
    CHECK(io->read(io->context, file, bytes, 1, 8) == BLOSC2_E_NOT_FOUND &&
          strstr(blosc2_last_error(), "is gone"));
    CHECK(io->read(io->context, file, bytes, 1, 9) == BLOSC2_E_IO &&
          strstr(blosc2_last_error(), "offset 9 failed"));
    CHECK(io->read(io->context, file, bytes, 1, 7) == BLOSC2_E_IO &&
          strstr(blosc2_last_error(), "of its own"));
    CHECK(io->map(io->context, file, 1, 0) == NULL);
    io->close(io->context, file);
    b2_io_source_free(io);
    b2_io_source_free(NULL);
}

static void test_source_is_read_only(void)
{
    b2_io *io = NULL;
    b2_file *file = NULL;
    int calls = 0;
    CHECK_OK(b2_io_source_create(read_digits, &calls, 10, &io));
    void *c = io->context;
    CHECK(io->open(c, "", B2_OPEN_UPDATE, &file) == BLOSC2_E_READ_ONLY);
    CHECK(io->open(c, "", B2_OPEN_NEW, &file) == BLOSC2_E_READ_ONLY);
    CHECK_OK(io->open(c, "", B2_OPEN_READ_INSIDE, &file));
    CHECK(io->write(c, file, "x", 1, 0) == BLOSC2_E_READ_ONLY &&
          io->truncate(c, file, 0) == BLOSC2_E_READ_ONLY);
    CHECK(io->sync(c, file) == BLOSC2_E_READ_ONLY && io->sync_directory(c, "a") == BLOSC2_E_READ_ONLY);
    CHECK(io->rename_new(c, "a", "b") == BLOSC2_E_READ_ONLY && io->remove(c, "a") == BLOSC2_E_READ_ONLY);
    CHECK(io->rename_over(c, "a", "b") == BLOSC2_E_READ_ONLY);
    CHECK(io->make_directory(c, "a") == BLOSC2_E_READ_ONLY &&
          io->remove_directory(c, "a") == BLOSC2_E_READ_ONLY);
    CHECK(kind_of(io, "") == B2_PATH_FILE && calls == 0);
    io->close(c, file);
    b2_io_source_free(io);
}

/* ------------------------------------------------------------------ failing */

/** Call every function that counts, once. @return How many of the 13 succeeded, in order, before one failed.
 */
static int call_all(const b2_io *io)
{
    void *c = io->context;
    b2_file *file = NULL;
    char byte;
    int64_t size;
    b2_path_kind kind;
    int done = 0;
    const char *name = at("f"), *moved = at("g"), *folder = at("d");
    done += done == 0 && io->open(c, name, B2_OPEN_NEW, &file) == BLOSC2_OK;
    done += done == 1 && io->write(c, file, "xy", 2, 0) == BLOSC2_OK;
    done += done == 2 && io->read(c, file, &byte, 1, 0) == BLOSC2_OK;
    done += done == 3 && io->size(c, file, &size) == BLOSC2_OK;
    done += done == 4 && io->truncate(c, file, 1) == BLOSC2_OK;
    done += done == 5 && io->sync(c, file) == BLOSC2_OK;
    if (file) {
        CHECK(io->map(c, file, 1, 0) == NULL);
        io->close(c, file);
    }
    done += done == 6 && io->rename_new(c, name, moved) == BLOSC2_OK;
    done += done == 7 && io->rename_over(c, moved, name) == BLOSC2_OK;
    done += done == 8 && io->kind(c, name, &kind) == BLOSC2_OK;
    done += done == 9 && io->remove(c, name) == BLOSC2_OK;
    done += done == 10 && io->make_directory(c, folder) == BLOSC2_OK;
    done += done == 11 && io->sync_directory(c, folder) == BLOSC2_OK;
    done += done == 12 && io->remove_directory(c, folder) == BLOSC2_OK;
    return done;
}

static void test_failing_fails_from_the_nth_call_on(void)
{
    const b2_io *system = b2_io_system();
    for (int n = -1; n <= 13; n++) {
        b2_io *io = NULL;
        CHECK_OK(b2_io_failing_create(system, n, &io));
        int done = call_all(io);
        CHECK(done == (n < 0 ? 13 : n));
        CHECK(b2_io_failing_calls(io) == (n < 0 || n == 13 ? 13 : n + 1));
        if (done < 13) {
            CHECK(blosc2_last_os_error() == EIO);
            CHECK(io->sync_directory(io->context, directory) == BLOSC2_E_IO); /* and stays so */
            CHECK(failure_names(directory, EIO));
        }
        b2_io_failing_free(io);
        scratch_remove(at("f")); /* what the failure has left */
        scratch_remove(at("g"));
        scratch_remove(at("d"));
    }
    b2_io_failing_free(NULL);
}

static void test_failing_can_tear_a_write(void)
{
    b2_io *memory = NULL, *io = NULL;
    b2_file *file = NULL;
    CHECK_OK(b2_io_memory_create(&memory));
    CHECK_OK(b2_io_failing_create(memory, 2, &io));
    b2_io_failing_tear(io);
    CHECK_OK(io->open(io->context, "", B2_OPEN_NEW, &file));
    CHECK_OK(io->write(io->context, file, "oldold", 6, 0));
    CHECK(io->write(io->context, file, "newnew", 6, 0) == BLOSC2_E_IO);
    CHECK(io->write(io->context, file, "lost", 4, 0) == BLOSC2_E_IO);
    CHECK(memcmp(io->map(io->context, file, 6, 0), "newold", 6) == 0);
    b2_io_failing_free(io);
    b2_io_memory_free(memory);
}

/** Changes if a file is left open, where the system tells so. */
static int next_descriptor(void)
{
#ifdef _WIN32
    return 0;
#else
    int next = dup(0);
    close(next);
    return next;
#endif
}

int main(void)
{
    directory = scratch_directory();
    int first = next_descriptor();
    test_system_transfers();
    test_system_reaches_large_offsets();
    test_system_opens_as_asked();
    test_system_refuses_what_is_no_regular_file();
    test_system_renames_without_replacing();
    test_system_renames_open_files();
    test_system_directories();
    test_system_takes_long_and_foreign_names();
    test_system_identity_tells_files_and_writes();
    test_open_files_have_the_identity_that_they_had();
    test_temporary_names_lie_beside_the_path();
#ifndef _WIN32
    test_system_closes_descriptors_on_exec();
    test_system_does_not_wait_for_pipes();
    test_system_refuses_links_inside_of_frames();
    test_system_reports_denied_access();
#endif
    test_memory_is_a_growing_file();
    test_memory_survives_failed_allocations();
    test_memory_has_no_names();
    test_source_reads_what_is_inside();
    test_source_is_read_only();
    test_failing_fails_from_the_nth_call_on();
    test_failing_can_tear_a_write();
    CHECK(next_descriptor() == first);
    CHECK(scratch_entries(directory) == 0); /* no file is left */
    scratch_remove(directory);
    return check_result();
}
