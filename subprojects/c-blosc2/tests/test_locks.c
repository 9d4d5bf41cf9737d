/** Locks of the I/O tables, and handles that share a frame: reloading, snapshots, and every I/O call failing.
 */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "io/io.h"
#include "schunk/schunk.h"
#include "scratch.h"

enum { CHUNK = 4000, BLOCK = 1000, COUNT = 3 };

static const char *directory;
static blosc2_workspace *workspace;

/* ------------------------------------------------------------------ tables */

static void test_one_file_is_locked_once(void)
{
    const b2_io *io = b2_io_system();
    const char *path = scratch_path(directory, "lock");
    b2_file *first = NULL, *second = NULL, *reader = NULL;
    char bytes[4] = "";
    CHECK_OK(io->lock(io->context, path, &first));
    CHECK(io->lock(io->context, path, &second) == BLOSC2_E_LOCKED && blosc2_last_os_error() == EAGAIN);
    CHECK_OK(io->write(io->context, first, "abcd", 4, 8));
    CHECK_OK(io->open(io->context, path, B2_OPEN_READ, &reader));
    CHECK_OK(io->read(io->context, reader, bytes, 4, 8)); /* while it is locked */
    CHECK(memcmp(bytes, "abcd", 4) == 0);
    io->close(io->context, reader);
    io->unlock(io->context, first);
    io->unlock(io->context, NULL);
    CHECK_OK(io->lock(io->context, path, &second)); /* and it keeps what is in it */
    int64_t size = 0;
    CHECK_OK(io->size(io->context, second, &size));
    CHECK(size == 12);
    io->unlock(io->context, second);
    CHECK(io->lock(io->context, scratch_path(directory, "nowhere/lock"), &second) == BLOSC2_E_IO &&
          strstr(blosc2_last_error(), "locking=False"));
    CHECK(io->lock(io->context, directory, &second) == BLOSC2_E_IO);
    CHECK_OK(io->remove(io->context, path));
}

/* What others hold of some numbers; runs that are not told apart are all that was asked for. */
static b2_held ask(b2_file *own, b2_numbers numbers, b2_numbers *run)
{
    const b2_io *io = b2_io_system();
    *run = (b2_numbers){0};
    return io->held(io->context, own, numbers, run);
}

/* @return False where the system cannot hold at all. */
static bool check_holds(const char *path)
{
    static const b2_numbers runs[] = {{0, 1}, {6, 1}, {17, 50}, {(uint64_t)1 << 40, 3}, {B2_NUMBERS - 1, 1}};
    const b2_numbers below = {0, 7}, above = {17, B2_NUMBERS - 17};
    const b2_io *io = b2_io_system();
    b2_file *own = NULL, *other = NULL;
    b2_numbers run;
    b2_identity of, named;
    CHECK_OK(io->hold(io->context, path, &of, &own));
    if (!own) return false;
    CHECK_OK(io->identity(io->context, path, &named));
    CHECK(of.device == named.device && of.number == named.number);
    io->narrow(io->context, own, (b2_numbers){7, 10});
    CHECK(ask(NULL, below, &run) == B2_HELD_UNKNOWN);
    CHECK(ask(own, below, &run) == B2_HELD_NONE && ask(own, above, &run) == B2_HELD_NONE);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        b2_numbers side = runs[i].first < 7 ? below : above;
        CHECK_OK(io->hold(io->context, path, &of, &other)); /* all of them, until it is known which */
        CHECK(ask(own, below, &run) == B2_HELD_SOME && ask(own, above, &run) == B2_HELD_SOME);
        CHECK(run.first <= above.first && run.first + run.count == B2_NUMBERS);
        io->narrow(io->context, other, runs[i]);
        CHECK(ask(own, side, &run) == B2_HELD_SOME);
#ifdef __linux__
        CHECK(run.first == runs[i].first && run.count == runs[i].count);
#endif
        CHECK(ask(own, side.first ? below : above, &run) == B2_HELD_NONE);
        io->unlock(io->context, other);
        CHECK(ask(own, side, &run) == B2_HELD_NONE);
    }
    CHECK_OK(io->hold(io->context, path, &of, &other));
    io->narrow(io->context, other, (b2_numbers){7, 10}); /* the same: nobody who reads an older one */
    CHECK(ask(own, below, &run) == B2_HELD_NONE && ask(own, above, &run) == B2_HELD_NONE);
    CHECK(ask(own, (b2_numbers){0, 0}, &run) == B2_HELD_NONE);
    io->unlock(io->context, other);
    io->narrow(io->context, NULL, below);
    io->unlock(io->context, own);
    return true;
}

static void test_snapshots_are_told_by_numbers(void)
{
    const b2_io *io = b2_io_system();
    const char *path = scratch_path(directory, "held");
    b2_file *file = NULL;
    b2_identity of;
    CHECK_OK(io->open(io->context, path, B2_OPEN_NEW, &file));
    io->close(io->context, file);
    bool works = check_holds(path);
#ifdef __linux__
    CHECK(works);
#else
    (void)works;
#endif
    check_holds(directory);
    CHECK_OK(io->hold(io->context, scratch_path(directory, "nothing"), &of,
                      &file)); /* no failure: nothing is held */
    CHECK(file == NULL);
    CHECK_OK(io->remove(io->context, path));
}

static void count_name(void *context, const char *name)
{
    int *seen = context;
    *seen += strcmp(name, "one") == 0 ? 1 : strcmp(name, "two") == 0 ? 10 : 100;
}

static void test_a_directory_is_listed(void)
{
    const b2_io *io = b2_io_system();
    const char *path = scratch_path(directory, "listed");
    int seen = 0;
    CHECK_OK(io->make_directory(io->context, path));
    CHECK_OK(io->list(io->context, path, count_name, &seen));
    CHECK(seen == 0);
    CHECK_OK(io->make_directory(io->context, scratch_path(directory, "listed/one")));
    CHECK_OK(io->make_directory(io->context, scratch_path(directory, "listed/two")));
    CHECK_OK(io->list(io->context, path, count_name, &seen));
    CHECK(seen == 11);
    CHECK(io->list(io->context, scratch_path(directory, "nothing"), count_name, &seen) == BLOSC2_E_NOT_FOUND);
    scratch_remove(path);
}

static void test_processes_are_told_apart(void)
{
    char host[B2_HOST_BYTES];
    memset(host, 'x', sizeof host);
    b2_io_host(host);
    CHECK(memchr(host, '\0', sizeof host) != NULL);
    CHECK(b2_io_process_lives(0) && b2_io_process_lives(-1)); /* in doubt */
    CHECK(!b2_io_process_lives(INT32_MAX));
    int64_t before = b2_io_milliseconds();
    b2_io_sleep(2);
    CHECK(b2_io_milliseconds() >= before);
}

/* ------------------------------------------------------------------ handles */

static blosc2_schunk *make(const char *path, blosc2_home home)
{
    blosc2_schunk_options options = {.home = home,
                                     .path = path,
                                     .cparams = blosc2_cparams_default(4),
                                     .chunk_bytes = CHUNK,
                                     .block_bytes = BLOCK,
                                     .chunk_count = COUNT,
                                     .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(blosc2_schunk_commit(schunk));
    return schunk;
}

static blosc2_schunk *opened(const char *path, blosc2_mode mode)
{
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_open(path, 0, mode, &schunk));
    return schunk;
}

/* In a change: make all bytes of a chunk `value`. */
static int put(blosc2_schunk *schunk, int64_t chunk, uint8_t value)
{
    uint8_t special[BLOSC2_CHUNK_OVERHEAD + 4], item[4];
    memset(item, value, sizeof item);
    int status = blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 4, CHUNK, BLOCK, item, 4, special);
    return status < 0 ? status : blosc2_schunk_set_chunk(schunk, chunk, special, sizeof special);
}

static int change(blosc2_schunk *schunk, int64_t chunk, uint8_t value)
{
    int status = blosc2_schunk_begin(schunk);
    if (status < 0) return status;
    status = put(schunk, chunk, value);
    if (status == BLOSC2_OK) return blosc2_schunk_commit(schunk);
    blosc2_schunk_rollback(schunk);
    return status;
}

/* First byte of a chunk; -1 on failure. */
static int value_of(const blosc2_schunk *schunk, int64_t chunk)
{
    uint8_t out[CHUNK];
    blosc2_view view;
    if (blosc2_schunk_view(schunk, chunk, NULL, 0, workspace, &view) < 0) return -1;
    if (blosc2_view_decode(&view, out, workspace) < 0) return -1;
    return out[0];
}

static void test_handles_take_turns(blosc2_home home)
{
    const char *path = scratch_path(directory, "turns");
    blosc2_schunk *first = make(path, home), *second = opened(path, BLOSC2_UPDATE);
    blosc2_schunk *reader = opened(path, BLOSC2_READ);
    bool changed = true;
    CHECK_OK(change(first, 0, 1));
    CHECK_OK(change(second, 1, 2)); /* reloads */
    CHECK(value_of(second, 0) == 1 && value_of(second, 1) == 2);
    CHECK(value_of(first, 0) == 1 && value_of(first, 1) == 0); /* a snapshot */
    CHECK_OK(change(first, 2, 3));
    for (int i = 0; i < COUNT; i++) CHECK(value_of(first, i) == i + 1);
    CHECK(value_of(reader, 0) == 0);
    CHECK_OK(blosc2_schunk_refresh(reader, &changed));
    CHECK(changed);
    for (int i = 0; i < COUNT; i++) CHECK(value_of(reader, i) == i + 1);
    CHECK_OK(blosc2_schunk_refresh(reader, &changed));
    CHECK(!changed);
    CHECK_OK(blosc2_schunk_begin(first));
    CHECK(blosc2_schunk_begin(second) == BLOSC2_E_LOCKED && strstr(blosc2_last_error(), "same thread"));
    CHECK_OK(put(first, 0, 9));
    blosc2_schunk_rollback(first);
    CHECK_OK(blosc2_schunk_refresh(second, &changed));
    CHECK(value_of(second, 0) == 1);
    CHECK_OK(change(second, 0, 4));
    blosc2_schunk_free(first);
    blosc2_schunk_free(second);
    blosc2_schunk_free(reader);
    scratch_remove(scratch_path(directory, "turns.b2lock"));
    scratch_remove(scratch_path(directory, "turns"));
}

static int refuse(void *context, blosc2_schunk *fresh, blosc2_accept what)
{
    ++*(int *)context;
    CHECK(what == BLOSC2_ACCEPT_ASK); /* what is refused is not taken */
    CHECK(value_of(fresh, 0) == 1);
    return blosc2_fail(BLOSC2_E_CHANGED, "not this one");
}

static void test_a_reload_that_is_refused_leaves_the_handle(void)
{
    const char *path = scratch_path(directory, "refused");
    blosc2_schunk *first = make(path, BLOSC2_HOME_FILE), *second = opened(path, BLOSC2_UPDATE);
    int asked = 0;
    bool changed = true;
    blosc2_schunk_on_reload(second, refuse, &asked);
    CHECK_OK(change(first, 0, 1));
    CHECK(change(second, 1, 2) == BLOSC2_E_CHANGED && asked == 1);
    CHECK(blosc2_schunk_refresh(second, &changed) == BLOSC2_E_CHANGED && asked == 2 && !changed);
    CHECK(value_of(second, 0) == 0); /* as it was, and the lock is free */
    CHECK_OK(change(first, 1, 3));
    blosc2_schunk_on_reload(second, NULL, NULL);
    CHECK_OK(change(second, 2, 4));
    CHECK(value_of(second, 0) == 1 && value_of(second, 1) == 3 && value_of(second, 2) == 4);
    blosc2_schunk_free(first);
    blosc2_schunk_free(second);
    scratch_remove(scratch_path(directory, "refused.b2lock"));
    scratch_remove(scratch_path(directory, "refused"));
}

static void test_a_store_knows_of_readers(blosc2_home home)
{
    const char *path = scratch_path(directory, "readers");
    blosc2_schunk *writer = make(path, home);
    b2_file *probe = NULL;
    b2_identity of;
    CHECK_OK(b2_io_system()->hold(NULL, path, &of, &probe));
    bool can_tell = probe != NULL;
    b2_io_system()->unlock(NULL, probe);
    CHECK_OK(change(writer, 0, 1));
    CHECK_OK(blosc2_schunk_begin(writer));
    CHECK(writer->store->has_readers == (!can_tell && home == BLOSC2_HOME_FILE)); /* in doubt: some */
    blosc2_schunk_rollback(writer);
    blosc2_schunk *reader = opened(path, BLOSC2_READ);
    bool changed;
    for (int round = 0; round < 3 && can_tell; round++) {
        CHECK_OK(blosc2_schunk_begin(writer));
        CHECK(!writer->store->has_readers); /* it reads what is committed now */
        CHECK_OK(put(writer, 0, (uint8_t)(round + 2)));
        CHECK_OK(blosc2_schunk_commit(writer));
        CHECK_OK(blosc2_schunk_begin(writer));
        CHECK(writer->store->has_readers);
        blosc2_schunk_rollback(writer);
        CHECK_OK(blosc2_schunk_refresh(reader, &changed));
    }
    CHECK_OK(change(writer, 0, 7));
    blosc2_schunk_free(reader);
    CHECK_OK(blosc2_schunk_begin(writer));
    CHECK(!can_tell || !writer->store->has_readers);
    blosc2_schunk_free(writer); /* rolls back */
    scratch_remove(scratch_path(directory, "readers.b2lock"));
    scratch_remove(scratch_path(directory, "readers"));
}

/* A second handle that reloads and changes, each of its I/O calls failing in turn. */
static void test_every_call_can_fail(blosc2_home home)
{
    int status = -1, failures = 0;
    for (int64_t n = 0; status < 0 && n < 200; n++) {
        const char *path = scratch_path(directory, "failing");
        blosc2_schunk *first = make(path, home), *second = NULL;
        bool changed = false;
        b2_io *io;
        CHECK_OK(b2_io_failing_create(b2_io_system(), n, &io));
        b2_schunk_use_io(io);
        status = blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &second);
        b2_schunk_use_io(NULL);
        CHECK_OK(change(first, 0, 1));
        if (status == BLOSC2_OK) status = blosc2_schunk_refresh(second, &changed);
        if (status == BLOSC2_OK) status = change(second, 1, 2);
        failures += status < 0;
        if (status < 0) CHECK(status == BLOSC2_E_IO);
        CHECK_OK(change(first, 2, 3)); /* the lock is free, and nothing is lost */
        int found = value_of(first, 1);
        CHECK(value_of(first, 0) == 1 && value_of(first, 2) == 3);
        CHECK(found == 2 || (found == 0 && status < 0));
        blosc2_schunk_free(second);
        blosc2_schunk_free(first);
        b2_io_failing_free(io);
        scratch_remove(scratch_path(directory, "failing.b2lock"));
        scratch_remove(path);
        CHECK(scratch_entries(directory) == 0);
    }
    CHECK(status == BLOSC2_OK && failures > 10);
}

int main(void)
{
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    directory = scratch_directory();
    test_one_file_is_locked_once();
    test_snapshots_are_told_by_numbers();
    test_a_directory_is_listed();
    test_processes_are_told_apart();
    test_a_reload_that_is_refused_leaves_the_handle();
    for (int home = BLOSC2_HOME_FILE; home <= BLOSC2_HOME_DIRECTORY; home++) {
        test_handles_take_turns((blosc2_home)home);
        test_a_store_knows_of_readers((blosc2_home)home);
        test_every_call_can_fail((blosc2_home)home);
    }
    blosc2_workspace_free(workspace);
    scratch_remove(directory);
    return check_result();
}
