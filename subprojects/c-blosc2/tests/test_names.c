/** Names of a frame: where links lead, names that would be too long, messages, and what processes left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "base/failure.h"
#include "base/memory.h"
#include "check.h"
#include "io/names.h"
#include "io/temporary.h"
#include "scratch.h"

static const char *directory;

static char *join(const char *name)
{
    return b2_io_join(directory, "/", name);
}

static void make_file(const char *path)
{
    const b2_io *io = b2_io_system();
    b2_file *file;
    int status = io->open(io->context, path, B2_OPEN_NEW, &file);
    CHECK_OK(status);
    if (status == BLOSC2_OK) io->close(io->context, file);
}

static bool is_there(const char *path)
{
    b2_path_kind kind = B2_PATH_NONE;
    return b2_io_system()->kind(NULL, path, &kind) == BLOSC2_OK && kind != B2_PATH_NONE;
}

/* Where a path made of the frame's own really is, beside the scratch directory. */
static void check_real(const b2_names *names, const char *path, const char *expected)
{
    char *real = b2_names_real(names, path), *whole = join(expected);
    CHECK(real && whole && strcmp(real, whole) == 0);
    b2_free(real);
    b2_free(whole);
}

static void replacing_cuts_what_has_no_room(void)
{
    char longest[2 * B2_MESSAGE_BYTES];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    blosc2_fail_io(BLOSC2_E_IO, EIO, "a/b", "a/b: cannot read a/b and a/bc");
    b2_failure_replace("a/b", "user");
    CHECK(strcmp(blosc2_last_error(), "user: cannot read user and userc") == 0);
    CHECK(strcmp(blosc2_last_path(), "user") == 0);
    b2_failure_replace("user", "");
    CHECK(strcmp(blosc2_last_error(), ": cannot read  and c") == 0);
    b2_failure_replace("c", longest);
    CHECK(strlen(blosc2_last_error()) < B2_MESSAGE_BYTES);
    b2_failure_replace("", "never");
    CHECK(blosc2_last_os_error() == EIO);
}

static void temporary_names_are_found_in_text(void)
{
    static const struct {
        const char *text;
        size_t at, bytes; /* 0: none */
    } cases[] = {
        {"x.tmp-1-0123456789abcdef", 1, 23},
        {"x.tmp-1-0123456789abcdef: cannot", 1, 23},
        {"x.tmp-1/.tmp-77-0123456789abcdef/y", 8, 24},
        {"x.tmp-1-0123456789abcde", 0, 0},
        {"x.tmp-1-0123456789ABCDEF", 0, 0},
        {"x.tmp-12345678901-0123456789abcdef", 0, 0},
        {"x.tmp--0123456789abcdef", 0, 0},
        {"x.tmp-", 0, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t bytes = 0;
        const char *found = b2_temporary_find(cases[i].text, &bytes);
        CHECK(cases[i].bytes ? found == cases[i].text + cases[i].at && bytes == cases[i].bytes : !found);
    }
    char *name = b2_io_temporary_name("a/b");
    size_t bytes = 0;
    CHECK(name && b2_temporary_find(name, &bytes) == name + 3 && name[3 + bytes] == '\0');
    b2_free(name);
}

static void names_that_would_be_too_long_are_made_of_a_hash(void)
{
    char base[B2_NAME_BYTES_MAX + 1], hashed[32];
    memset(base, 'n', sizeof base);
    for (size_t bytes = B2_NAME_BYTES_MAX - 8; bytes <= B2_NAME_BYTES_MAX; bytes++) {
        base[bytes] = '\0';
        char *path = join(base), *lock = b2_io_join(path, ".b2lock", ""),
             *inside = b2_io_join(path, "/", "x");
        b2_names *names = NULL;
        CHECK_OK(b2_names_create(b2_io_system(), path, &names));
        char *real = b2_names_real(names, lock), *own = b2_names_real(names, inside);
        bool is_long = bytes + strlen(".b2lock") > B2_NAME_BYTES_MAX;
        CHECK((strcmp(real, lock) == 0) == !is_long && strcmp(own, inside) == 0);
        if (is_long) {
            snprintf(hashed, sizeof hashed, "%s", strrchr(real, '/') + 1);
            CHECK(strncmp(hashed, "b2-", 3) == 0 && strcmp(hashed + 19, ".b2lock") == 0);
        }
        b2_names_release(names);
        b2_free(real);
        b2_free(own);
        b2_free(inside);
        b2_free(lock);
        b2_free(path);
        base[bytes] = 'n';
    }
}

#ifndef _WIN32

static void links_are_resolved_once_and_messages_show_what_was_given(void)
{
    char *target = join("target"), *link = join("link"), *lock = join("link.b2lock");
    b2_names *names = NULL;
    make_file(target);
    CHECK(symlink("target", link) == 0);
    CHECK_OK(b2_names_create(b2_io_system(), link, &names));
    check_real(names, link, "target");
    check_real(names, lock, "target.b2lock");
    CHECK(unlink(link) == 0 && symlink("elsewhere", link) == 0);
    check_real(names, link, "target");
    const b2_io *io = b2_names_io(b2_names_hold(names));
    b2_names_release(names);
    b2_file *file = NULL;
    CHECK(io->open(io->context, lock, B2_OPEN_READ, &file) == BLOSC2_E_NOT_FOUND);
    CHECK(strstr(blosc2_last_error(), lock) && !strstr(blosc2_last_error(), "target"));
    CHECK(strcmp(blosc2_last_path(), lock) == 0);
    char *temporary = b2_io_temporary_name(link);
    CHECK(io->rename_new(io->context, temporary, link) == BLOSC2_E_NOT_FOUND);
    CHECK(!strstr(blosc2_last_error(), ".tmp-") && strstr(blosc2_last_error(), link));
    CHECK_OK(io->remove(io->context, link));
    CHECK(!is_there(target));
    CHECK(unlink(link) == 0);
    b2_free(temporary);
    b2_names_release(names);
    b2_free(lock);
    b2_free(link);
    b2_free(target);
}

/* And what counts from the working directory: its own files, and the directory that it is in. */
static void a_relative_path_stays_where_it_was(void)
{
    char before[SCRATCH_PATH_BYTES], *own = join("relative");
    b2_names *names = NULL;
    CHECK(getcwd(before, sizeof before) != NULL && chdir(directory) == 0);
    make_file("relative");
    CHECK_OK(b2_names_create(b2_io_system(), "relative", &names));
    CHECK(chdir("/") == 0);
    check_real(names, "relative", "relative");
    check_real(names, "relative.b2lock", "relative.b2lock");
    check_real(names, "relative/chunks.b2frame", "relative/chunks.b2frame");
    check_real(names, ".", "");
    const b2_io *io = b2_names_io(names);
    CHECK_OK(b2_io_sync_parent(io, "relative"));
    b2_file *file = NULL;
    CHECK(io->open(io->context, "relative/x", B2_OPEN_READ, &file) < 0);
    CHECK(strncmp(blosc2_last_error(), "relative/x: ", 12) == 0);
    CHECK(strcmp(blosc2_last_path(), "relative/x") == 0);
    CHECK_OK(io->remove(io->context, "relative"));
    CHECK(!is_there(own) && chdir(before) == 0);
    b2_names_release(names);
    b2_free(own);
}

/* A temporary name of a process that is no more. */
static char *name_of_dead(const char *path)
{
    int ends[2];
    char name[SCRATCH_PATH_BYTES] = "";
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        char *made = b2_io_temporary_name(path);
        if (!made || write(ends[1], made, strlen(made) + 1) < 0) _exit(1);
        _exit(0);
    }
    CHECK(read(ends[0], name, sizeof name) > 0);
    close(ends[0]);
    close(ends[1]);
    CHECK(waitpid(child, NULL, 0) == child);
    return b2_io_join(name, "", "");
}

static void what_dead_processes_left_is_swept_and_nothing_else(void)
{
    char *path = join("array"), *own = b2_io_temporary_name(path), *dead = name_of_dead(path);
    char *dead_directory = name_of_dead(path), *index = b2_io_join(dead_directory, "/", "chunks.b2frame");
    char *other_path = join("array2"), *other = name_of_dead(other_path), *foreign = b2_io_join(dead, "", "");
    char *outside = join("outside"), *link = name_of_dead(path);
    foreign[strlen(foreign) - 1] ^= 1; /* of another host */
    make_file(own);
    make_file(dead);
    make_file(other);
    make_file(foreign);
    CHECK_OK(b2_io_system()->make_directory(NULL, dead_directory));
    make_file(index);
    CHECK_OK(b2_io_system()->make_directory(NULL, outside));
    char *kept = b2_io_join(outside, "/", "00000000.chunk");
    make_file(kept);
    CHECK(symlink("outside", link) == 0);
    b2_names *names = NULL;
    CHECK_OK(b2_names_create(b2_io_system(), path, &names));
    b2_names_sweep(names, B2_SWEEP_NOW);
    CHECK(is_there(own) && is_there(other) && is_there(foreign) && is_there(kept));
    CHECK(!is_there(dead) && !is_there(dead_directory) && access(link, F_OK) < 0);
    b2_names_release(names);
    char *all[] = {own, other, foreign, kept, outside, path, dead, dead_directory, index, other_path, link};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (i < 4) CHECK(unlink(all[i]) == 0);
        if (all[i] == outside) CHECK(rmdir(outside) == 0);
        b2_free(all[i]);
    }
}

#endif

int main(void)
{
    directory = scratch_directory();
    replacing_cuts_what_has_no_room();
    temporary_names_are_found_in_text();
    names_that_would_be_too_long_are_made_of_a_hash();
#ifndef _WIN32
    links_are_resolved_once_and_messages_show_what_was_given();
    a_relative_path_stays_where_it_was();
    what_dead_processes_left_is_swept_and_nothing_else();
#endif
    CHECK(scratch_entries(directory) == 0); /* no file is left */
    scratch_remove(directory);
    return check_result();
}
