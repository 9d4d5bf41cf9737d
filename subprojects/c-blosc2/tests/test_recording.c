/** The file system that records: it behaves as the system's, and replays what happened to it. */
#include <string.h>

#include "check.h"
#include "io/recording.h"

static b2_file *make(const b2_io *io, const char *path, const char *content)
{
    b2_file *file = NULL;
    CHECK_OK(io->open(io->context, path, B2_OPEN_NEW, &file));
    CHECK_OK(io->write(io->context, file, content, strlen(content), 0));
    return file;
}

/** @param content NULL: there is no such file. */
static bool has(const b2_io *io, const char *path, const char *content)
{
    b2_file *file = NULL;
    char bytes[64];
    int64_t size = -1;
    int status = io->open(io->context, path, B2_OPEN_READ, &file);
    if (!content) return status == BLOSC2_E_NOT_FOUND;
    if (status < 0) return false;
    CHECK_OK(io->size(io->context, file, &size));
    bool same = size == (int64_t)strlen(content) &&
                io->read(io->context, file, bytes, (size_t)size, 0) == BLOSC2_OK &&
                memcmp(bytes, content, (size_t)size) == 0;
    io->close(io->context, file);
    return same;
}

static void test_it_is_a_file_system(void)
{
    b2_io *io = NULL;
    b2_path_kind kind;
    b2_identity first, second;
    CHECK_OK(b2_io_recording_create(&io));
    CHECK_OK(io->make_directory(io->context, "d.tmp"));
    CHECK(io->make_directory(io->context, "d.tmp") == BLOSC2_E_EXISTS);
    b2_file *file = make(io, "d.tmp/one", "one"), *other = NULL;
    CHECK(io->open(io->context, "d.tmp/one", B2_OPEN_NEW, &other) == BLOSC2_E_EXISTS);
    CHECK(io->open(io->context, "no/one", B2_OPEN_NEW, &other) == BLOSC2_E_NOT_FOUND);
    CHECK(io->open(io->context, "d.tmp", B2_OPEN_READ, &other) == BLOSC2_E_IO);
    CHECK(io->remove_directory(io->context, "d.tmp") == BLOSC2_E_IO);
    CHECK_OK(io->rename_new(io->context, "d.tmp", "d"));
    CHECK(io->rename_new(io->context, "d", "d") == BLOSC2_E_EXISTS);
    CHECK(has(io, "d/one", "one") && has(io, "/d/one", "one") && has(io, "d.tmp/one", NULL));
    CHECK_OK(io->write(io->context, file, "X", 1, 5));
    char bytes[8];
    CHECK_OK(io->read(io->context, file, bytes, 6, 0));
    CHECK(memcmp(bytes, "one\0\0X", 6) == 0);
    CHECK(io->read(io->context, file, bytes, 2, 5) == BLOSC2_E_CORRUPT);
    CHECK_OK(io->identity(io->context, "d/one", &first));
    CHECK_OK(io->truncate(io->context, file, 2));
    CHECK_OK(io->identity(io->context, "d/one", &second));
    CHECK(first.number == second.number && first.seconds != second.seconds);
    io->close(io->context, file);
    io->close(io->context, make(io, "d/two", "two"));
    CHECK_OK(io->rename_over(io->context, "d/two", "d/one"));
    CHECK(has(io, "d/one", "two") && has(io, "d/two", NULL));
    CHECK_OK(io->open(io->context, "d/one", B2_OPEN_READ, &file));
    CHECK(io->write(io->context, file, "X", 1, 0) == BLOSC2_E_IO);
    CHECK_OK(io->remove(io->context, "d/one"));
    CHECK_OK(io->read(io->context, file, bytes, 3, 0)); /* it is there as long as it is open */
    io->close(io->context, file);
    CHECK(io->remove(io->context, "d/one") == BLOSC2_E_NOT_FOUND);
    CHECK_OK(io->remove_directory(io->context, "d"));
    CHECK_OK(io->kind(io->context, "d", &kind));
    CHECK(kind == B2_PATH_NONE);
    b2_io_recording_free(io);
}

/** Records: 0 create, 1 write, 2 sync, 3 rename, 4 directory synced, 5 write over. */
static b2_io *recorded(void)
{
    b2_io *io = NULL;
    CHECK_OK(b2_io_recording_create(&io));
    b2_file *file = make(io, "a.tmp", "aaaa");
    CHECK_OK(io->sync(io->context, file));
    CHECK_OK(io->rename_new(io->context, "a.tmp", "a"));
    CHECK_OK(io->sync_directory(io->context, ""));
    CHECK_OK(io->write(io->context, file, "BBBB", 4, 0));
    io->close(io->context, file);
    CHECK(b2_io_recording_count(io) == 6);
    return io;
}

static void test_it_replays_any_part(void)
{
    static const char *const states[] = {NULL, "", "aaaa", "aaaa", "aaaa", "aaaa", "BBBB"};
    b2_io *io = recorded(), *state = NULL;
    for (int64_t stop = 0; stop <= 6; stop++) {
        CHECK_OK(b2_io_recording_replay(io, stop, NULL, &state));
        CHECK(has(state, stop < 4 ? "a.tmp" : "a", states[stop]));
        b2_io_recording_free(state);
    }
    b2_fate fates[] = {B2_FATE_WHOLE, B2_FATE_WHOLE, B2_FATE_WHOLE, B2_FATE_LOST, B2_FATE_WHOLE, {1, 3}};
    CHECK_OK(b2_io_recording_replay(io, 6, fates, &state));
    CHECK(has(state, "a", NULL) && has(state, "a.tmp", "aBBa"));
    b2_io *again = NULL; /* a state can be replayed like what it comes from */
    CHECK_OK(b2_io_recording_replay(state, 6, NULL, &again));
    CHECK(has(again, "a.tmp", "aBBa"));
    b2_io_recording_free(again);
    b2_io_recording_free(state);
    b2_io_recording_free(io);
}

static void test_only_syncs_make_records_last(void)
{
    b2_io *io = recorded();
    CHECK(!b2_io_recording_is_durable(io, 1, 2) && b2_io_recording_is_durable(io, 1, 3));
    CHECK(!b2_io_recording_is_durable(io, 3, 4) && b2_io_recording_is_durable(io, 3, 5));
    CHECK(b2_io_recording_is_durable(io, 0, 5)); /* the name that it had is synced with the other */
    CHECK(!b2_io_recording_is_durable(io, 5, 6));
    b2_io_recording_free(io);
}

int main(void)
{
    test_it_is_a_file_system();
    test_it_replays_any_part();
    test_only_syncs_make_records_last();
    return check_result();
}
