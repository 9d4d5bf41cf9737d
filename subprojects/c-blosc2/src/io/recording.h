/**
 * A file system in memory that records what is done to it, so that a test can make every state in which a
 * crash may leave it: the first calls alone, a write cut short, and, of what was not synced, any part.
 * Tests only, for one thread.
 */
#ifndef B2_IO_RECORDING_H
#define B2_IO_RECORDING_H

#include "io/io.h"

typedef enum b2_record_kind {
    B2_RECORD_CREATE, /* a file or directory, with its name */
    B2_RECORD_WRITE,
    B2_RECORD_TRUNCATE,
    B2_RECORD_SYNC,
    B2_RECORD_RENAME,
    B2_RECORD_REMOVE, /* a file or directory */
    B2_RECORD_SYNC_DIRECTORY,
} b2_record_kind;

/** Which part of a record takes place: bytes [start, stop) of a write; of others none, if it is empty. */
typedef struct b2_fate {
    size_t start, stop;
} b2_fate;

#define B2_FATE_WHOLE ((b2_fate){0, SIZE_MAX})
#define B2_FATE_LOST  ((b2_fate){0, 0})

/** One call that changes something, or makes changes last. Numbers name files and directories for good. */
typedef struct b2_record {
    b2_record_kind kind;
    int64_t node;   /* what it is done to; of SYNC_DIRECTORY the directory */
    int64_t parent; /* the directory of the name that is made or taken away; of RENAME the new one */
    char *name;     /* owned, as what follows */
    int64_t from_parent;
    char *from_name;   /* of RENAME */
    uint8_t *bytes;    /* of WRITE */
    size_t count;      /* of WRITE; the new size of TRUNCATE */
    size_t position;   /* of WRITE */
    bool is_directory; /* of CREATE */
    b2_fate fate;      /* whole, but where it was replayed in part */
} b2_record;

/** An empty one. Paths begin at its root, with or without a slash. */
int b2_io_recording_create(b2_io **out);
void b2_io_recording_free(b2_io *io); /* after its files were closed; NULL is fine */

int64_t b2_io_recording_count(const b2_io *io);
const b2_record *b2_io_recording_get(const b2_io *io, int64_t record);

/**
 * Whether a record outlasts a power cut that comes before record `stop`: bytes by a later sync of the file,
 * names by a later one of their directory. POSIX promises no more.
 */
bool b2_io_recording_is_durable(const b2_io *io, int64_t record, int64_t stop);

/**
 * A new file system in which the first `stop` records have taken place, and which goes on recording from
 * there.
 * @param fates  What of each; NULL: as much as there.
 */
int b2_io_recording_replay(const b2_io *io, int64_t stop, const b2_fate *fates, b2_io **out);

/** Called for each directory (bytes NULL) and file, a directory before what is in it. */
typedef void b2_visit_fn(void *context, const char *path, const uint8_t *bytes, size_t size);
void b2_io_recording_each(const b2_io *io, b2_visit_fn *visit, void *context);

#endif
