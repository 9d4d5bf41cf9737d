/**
 * All input and output of the library, as one table of functions, so that tests can fail the n-th call and
 * frames can live in files, in memory or behind a callback. Layer: above base only.
 *
 * Each function returns BLOSC2_OK or a negative status with errno and path in the thread's message. Transfers
 * are whole: short ones and EINTR are repeated inside. Reads past the end are BLOSC2_E_CORRUPT ("truncated").
 */
#ifndef B2_IO_IO_H
#define B2_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct b2_io b2_io;
typedef struct b2_file b2_file; /* an open file of some b2_io */

typedef enum b2_open_mode {
    B2_OPEN_READ,        /* an existing regular file */
    B2_OPEN_UPDATE,      /* an existing regular file, for reading and writing */
    B2_OPEN_NEW,         /* for reading and writing; BLOSC2_E_EXISTS if the name is taken */
    B2_OPEN_READ_INSIDE, /* as READ, but a symbolic link is refused: files inside of a sparse frame */
} b2_open_mode;

typedef enum b2_path_kind { B2_PATH_NONE, B2_PATH_FILE, B2_PATH_DIRECTORY, B2_PATH_OTHER } b2_path_kind;

/** Tells a file from another one that took its name, or from itself before a write. Compare the fields only.
 */
typedef struct b2_identity {
    uint64_t device, number;             /* of the file system, and of the file in it */
    int64_t bytes, seconds, nanoseconds; /* size, and time of the last write */
    uint64_t links;                      /* names that it has; not compared; 0: not known */
} b2_identity;

static inline bool b2_identity_same(const b2_identity *a, const b2_identity *b)
{
    return a->device == b->device && a->number == b->number && a->bytes == b->bytes &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

/** What a file takes over from another one: b2_io.take_attributes. */
typedef enum b2_attributes {
    B2_ATTRIBUTES_ALL,    /* mode, owner, extended attributes: of a file that takes the other's place */
    B2_ATTRIBUTES_ACCESS, /* mode and owner: of one beside it */
    B2_ATTRIBUTES_LOCK,   /* who may read and write the other file, or directory, may do so here */
} b2_attributes;

/** Whether others hold snapshots: b2_io.held. */
typedef enum b2_held { B2_HELD_NONE, B2_HELD_SOME, B2_HELD_UNKNOWN } b2_held;

/** Numbers that stand for states of a file or directory: [first, first + count). */
typedef struct b2_numbers {
    uint64_t first, count;
} b2_numbers;

/** Numbers are below this. */
#define B2_NUMBERS ((uint64_t)1 << 61)

/** @param name  Of an entry of a directory, without its path. */
typedef void b2_list_fn(void *context, const char *name);

struct b2_io {
    void *context; /* first argument of every function; owned by who made the table */
    int (*open)(void *context, const char *path, b2_open_mode mode, b2_file **out);
    void (*close)(void *context, b2_file *file); /* NULL is fine; never fails: sync first */
    int (*read)(void *context, b2_file *file, void *out, size_t bytes, int64_t position);
    int (*write)(void *context, b2_file *file, const void *bytes, size_t count, int64_t position);
    int (*size)(void *context, b2_file *file, int64_t *bytes);
    int (*truncate)(void *context, b2_file *file, int64_t bytes);
    int (*sync)(void *context, b2_file *file);
    /* Pointer to the bytes [position, position + bytes) if they lie in memory for as long as the file is
       not written, else NULL. */
    const uint8_t *(*map)(void *context, b2_file *file, size_t bytes, int64_t position);
    int (*rename_new)(void *context, const char *from, const char *to); /* BLOSC2_E_EXISTS if `to` is taken */
    int (*rename_over)(void *context, const char *from, const char *to);
    int (*remove)(void *context, const char *path);         /* a file; a missing one is BLOSC2_E_NOT_FOUND */
    int (*make_directory)(void *context, const char *path); /* BLOSC2_E_EXISTS if taken */
    int (*remove_directory)(void *context, const char *path); /* an empty one */
    /* Follows links; a missing path is B2_PATH_NONE. */
    int (*kind)(void *context, const char *path, b2_path_kind *kind);
    int (*identity)(void *context, const char *path, b2_identity *out); /* BLOSC2_E_NOT_FOUND if missing */
    /* Of a file that `open` has opened, whatever has its name by now. */
    int (*identify)(void *context, b2_file *file, b2_identity *out);
    int (*sync_directory)(void *context, const char *path); /* makes renames inside of it last */
    /* Call `visit` for each entry of a directory but "." and "..", in any order; it may remove the entry. */
    int (*list)(void *context, const char *path, b2_list_fn *visit, void *visit_context);

    /* Where a path leads: absolute, without links. One that leads nowhere as far as it is there; a link that
       leads nowhere stays itself. NULL: there are no links. `out` is released by b2_free(). BLOSC2_E_MEMORY.
     */
    int (*resolve)(void *context, const char *path, char **out);
    /* Make an open file one like the file or directory at `like`, as far as the system lets us: what cannot
       be is left. NULL: there are no attributes. */
    void (*take_attributes)(void *context, b2_file *file, const char *like, b2_attributes what);

    /* Locks: docs/format/frame-format.md 9, docs/design/processes.md. */

    /* One try to lock the file at `path`, made if it is missing, against all others who open it, in this
       process too. BLOSC2_E_LOCKED if one of them has it. The file can be read and written, but for byte 0.
     */
    int (*lock)(void *context, const char *path, b2_file **out);
    /* Tell others that somebody reads the file or directory at `path`, any state of it, until `unlock`, and
       say in `of` which one it is. `out` is set to NULL where there is no way to. Needs no right to write,
       and hinders nobody. */
    int (*hold)(void *context, const char *path, b2_identity *of, b2_file **out);
    /* From now on only states with these numbers; what `hold` has told before is not interrupted. */
    void (*narrow)(void *context, b2_file *own, b2_numbers numbers);
    /* Whether others hold some of `numbers`. @param found  All that one of them holds; set if some is held.
       Systems that cannot tell set `numbers`. */
    b2_held (*held)(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found);
    /* End `lock` or `hold`, and close. NULL is fine. A forked child that does it ends neither for its
       parent, who ends `lock` for both. */
    void (*unlock)(void *context, b2_file *file);
};

/** Wait. Signals may end it early. */
void b2_io_sleep(int milliseconds);

/** Milliseconds since some instant, by a clock that nobody sets. */
int64_t b2_io_milliseconds(void);

enum { B2_HOST_BYTES = 64 };

/** Name of this machine, NUL-terminated, cut if it is long; "" if it has none. */
void b2_io_host(char out[B2_HOST_BYTES]);

/** False if there is no process of that number on this machine; true if in doubt. */
bool b2_io_process_lives(int64_t process);

/** Number of this process. */
int64_t b2_io_own_process(void);

/** Name of the space in which numbers of processes are given, within this machine; "" if there is but one. */
void b2_io_process_space(char out[B2_HOST_BYTES]);

/** Some number that is another one a moment later. */
uint64_t b2_io_ticks(void);

/** True for what separates the parts of a path here. */
bool b2_io_is_separator(char c);

/** "PATH.tmp-<pid>-<16 digits>" (io/temporary.c), to be released by b2_free(); NULL when memory is short. */
char *b2_io_temporary_name(const char *path);

/** The three one after another, to be released by b2_free(); NULL and a message when memory is short. */
char *b2_io_join(const char *path, const char *separator, const char *name);

/** Make the name of a file or directory last: sync the directory that it is in. */
int b2_io_sync_parent(const b2_io *io, const char *path);

/** Files of the operating system. */
const b2_io *b2_io_system(void);

/** The same for reading only, each file mapped whole into memory when it is opened. */
void b2_io_mapped(b2_io *out);

/**
 * A single growing file on the heap, for frames in memory: `open` ignores path and mode and gives that file.
 * It has no name: renaming and removing do nothing, directories are BLOSC2_E_ARGUMENT. Writing past the end
 * fills the gap with zeros; the bytes to write must not lie in the file itself.
 * @param out  Released by b2_io_memory_free(), after the file was closed.
 */
int b2_io_memory_create(b2_io **out);

/** Take the bytes of a memory file, which is then empty. @param bytes A block for b2_free, or NULL. */
void b2_io_memory_take(b2_io *io, uint8_t **bytes, size_t *size);
void b2_io_memory_free(b2_io *io); /* NULL is fine */

/**
 * Wrap a callback that reads (blosc2_read_fn of blosc2.h) as a read-only file of `size` bytes: it is only
 * asked for bytes inside. Its failure is the status that it returns if it has called blosc2_fail(), else
 * BLOSC2_E_IO.
 */
int b2_io_source_create(int (*read)(void *context, void *out, size_t bytes, int64_t position), void *context,
                        int64_t size, b2_io **out);
void b2_io_source_free(b2_io *io); /* NULL is fine */

/**
 * A table that passes on to `inner`, and fails with EIO from the n-th call on (0 = the next; negative:
 * never); tests only. `close` and `map` cannot fail, and do not count.
 */
int b2_io_failing_create(const b2_io *inner, int64_t fail_after, b2_io **out);
/** From now on the write that fails first still writes the first half of its bytes. */
void b2_io_failing_tear(b2_io *io);
/** One call alone is to fail, with this errno; those after it work. */
void b2_io_failing_once(b2_io *io, int os_error);
/** Have `before` called before each call: somebody else may do something then. @param call Its number. */
typedef void b2_before_fn(void *context, int64_t call);
void b2_io_failing_before(b2_io *io, b2_before_fn *before, void *context);
/** From now on all calls work. */
void b2_io_failing_heal(b2_io *io);
/** How many calls it has seen. */
int64_t b2_io_failing_calls(const b2_io *io);
void b2_io_failing_free(b2_io *io); /* NULL is fine */

#endif
