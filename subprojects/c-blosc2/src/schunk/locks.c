#include "schunk/locks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "base/thread_local.h"
#include "schunk/schunk.h"
#include "threads/os.h"

/*
 * The lock file: 8 bytes that are the format's, its counter, and behind what the format has, text that says
 * who has the lock. Others neither read that nor write there.
 */
enum { COUNTER_AT = 8, HOLDER_AT = 16, HOLDER_BYTES = 112 };
static const char HOLDER_FORMAT[] = "caterva pid %lld since %lld host %s\n";

/* Waiting is trying again: at first soon, and then not too seldom, or those who need the lock all the time
 * would leave nothing to others. */
enum { FIRST_SLEEP_MS = 1, LONGEST_SLEEP_MS = 5 };

/* ------------------------------------------------------------------ who of this process has a lock */

/* A thread that has the lock by one handle and asks for it by another would wait for itself. */
struct b2_held_lock {
    b2_file *file;
    b2_identity identity; /* of the lock file */
    const void *thread;
    long process;
    b2_held_lock *next;
};

static atomic_flag list_taken = ATOMIC_FLAG_INIT; /* held for a few instructions */
static b2_held_lock *list;
static atomic_long list_process; /* whose list it is: a forked child holds nothing of what is in it */

static const void *this_thread(void)
{
    static B2_THREAD_LOCAL char mark;
    return &mark;
}

static void list_enter(void)
{
    long process = b2_process_id(), before = atomic_load(&list_process);
    if (before != process && atomic_compare_exchange_strong(&list_process, &before, process) && before) {
        atomic_flag_clear(&list_taken); /* the thread that has it is not here */
        list = NULL;
    }
    while (atomic_flag_test_and_set_explicit(&list_taken, memory_order_acquire)) continue;
}

static void list_leave(void)
{
    atomic_flag_clear_explicit(&list_taken, memory_order_release);
}

static void list_add(b2_held_lock *lock)
{
    list_enter();
    lock->next = list;
    list = lock;
    list_leave();
}

static void list_remove(const b2_held_lock *lock)
{
    list_enter();
    for (b2_held_lock **at = &list; *at; at = &(*at)->next) {
        if (*at != lock) continue;
        *at = lock->next;
        break;
    }
    list_leave();
}

static bool is_held_by_this_thread(const b2_identity *identity)
{
    bool found = false;
    list_enter();
    for (const b2_held_lock *lock = list; lock && !found; lock = lock->next)
        found = lock->thread == this_thread() && lock->identity.device == identity->device &&
                lock->identity.number == identity->number;
    list_leave();
    return found;
}

/* ------------------------------------------------------------------ the lock file */

static bool is_on_disk(const blosc2_schunk *schunk)
{
    return schunk->home == BLOSC2_HOME_FILE || schunk->home == BLOSC2_HOME_DIRECTORY;
}

static bool locks(const blosc2_schunk *schunk)
{
    return is_on_disk(schunk) && schunk->safety.locking == BLOSC2_LOCKING_ON;
}

/* NULL and a message if memory is short. */
static char *lock_path(const blosc2_schunk *schunk)
{
    return b2_io_join(schunk->path, schunk->home == BLOSC2_HOME_DIRECTORY ? "/" : "", ".b2lock");
}

/* 0 for a file that has no counter yet, or cannot be read. */
static uint64_t read_counter(const b2_io *io, b2_file *file)
{
    uint64_t counter = 0; /* in host order: frame-format.md 9 */
    if (io->read(io->context, file, &counter, sizeof counter, COUNTER_AT) < 0) return 0;
    return counter;
}

/* The counter of a frame that may be nobody's yet. */
static uint64_t find_generation(const blosc2_schunk *schunk)
{
    const b2_io *io = schunk->io;
    b2_failure failure;
    b2_failure_save(&failure); /* it is no failure that there is no lock file */
    b2_file *file;
    uint64_t generation = 0;
    char *path = lock_path(schunk);
    if (path && io->open(io->context, path, B2_OPEN_READ, &file) == BLOSC2_OK) {
        generation = read_counter(io, file);
        io->close(io->context, file);
    }
    b2_free(path);
    b2_failure_restore(&failure);
    return generation;
}

typedef enum lock_owner { OWNER_NOBODY, OWNER_US } lock_owner;

/* Say who has the lock, for those who wait for it. Without it they wait as well. */
static void name_holder(const blosc2_schunk *schunk, b2_file *file, lock_owner who)
{
    char text[HOLDER_BYTES] = "", host[B2_HOST_BYTES];
    b2_failure failure;
    b2_failure_save(&failure);
    b2_io_host(host);
    if (who == OWNER_US)
        snprintf(text, sizeof text, HOLDER_FORMAT, (long long)b2_process_id(), (long long)time(NULL), host);
    schunk->io->write(schunk->io->context, file, text, sizeof text, HOLDER_AT);
    b2_failure_restore(&failure);
}

/* ------------------------------------------------------------------ waiting */

/* Who has the lock, as far as can be told, in words. */
static void describe_holder(const blosc2_schunk *schunk, const char *path, char *out, size_t bytes)
{
    const b2_io *io = schunk->io;
    char text[HOLDER_BYTES + 1] = "", host[B2_HOST_BYTES] = "", here[B2_HOST_BYTES];
    long long process = 0, since = 0;
    b2_file *file;
    snprintf(out, bytes, "another process");
    if (io->open(io->context, path, B2_OPEN_READ, &file) < 0) return;
    int status = io->read(io->context, file, text, HOLDER_BYTES, HOLDER_AT);
    io->close(io->context, file);
    if (status < 0 || sscanf(text, "caterva pid %lld since %lld host %63s", &process, &since, host) < 2)
        return;
    b2_io_host(here);
    bool is_here = strcmp(host, here) == 0;
    if (is_here && !b2_io_process_lives(process)) return; /* it left its name, and has not the lock */
    if (is_here && process == b2_process_id()) {
        snprintf(out, bytes, "another thread of this process, %lld,", process);
        return;
    }
    long long seconds = (long long)time(NULL) - since;
    snprintf(out, bytes, "process %lld%s%s, for %lld s", process, is_here ? "" : " of ", is_here ? "" : host,
             seconds > 0 ? seconds : 0);
}

static int fail_locked(const blosc2_schunk *schunk, const char *path)
{
    char holder[256];
    describe_holder(schunk, path, holder, sizeof holder);
    return blosc2_fail_io(BLOSC2_E_LOCKED, EAGAIN, schunk->path,
                          "%s is locked by %s (lock_timeout %" PRId32 ".%03" PRId32 " s is over)",
                          schunk->path, holder, schunk->safety.lock_timeout_ms / 1000,
                          schunk->safety.lock_timeout_ms % 1000);
}

/* Try until it works, or time is over. */
static int wait_for_lock(const blosc2_schunk *schunk, const char *path, b2_file **file)
{
    const b2_io *io = schunk->io;
    int64_t start = b2_io_milliseconds(), limit = schunk->safety.lock_timeout_ms;
    int milliseconds = FIRST_SLEEP_MS;
    for (;;) {
        int status = io->lock(io->context, path, file);
        if (status != BLOSC2_E_LOCKED) return status;
        status = blosc2_check_interrupt();
        if (status < 0) return status;
        int64_t left = limit - (b2_io_milliseconds() - start);
        if (left <= 0) return fail_locked(schunk, path);
        b2_io_sleep((int)b2_min_i64(milliseconds, left));
        if (milliseconds < LONGEST_SLEEP_MS) milliseconds++;
    }
}

static bool holds_any(void)
{
    list_enter();
    bool any = list;
    list_leave();
    return any;
}

static int check_own_locks(const blosc2_schunk *schunk, const char *path)
{
    b2_identity identity;
    if (!holds_any()) return BLOSC2_OK;
    if (schunk->io->identity(schunk->io->context, path, &identity) < 0) return BLOSC2_OK; /* nobody has it */
    if (!is_held_by_this_thread(&identity)) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_LOCKED, EDEADLK, schunk->path,
                          "%s is locked by a change that this same thread has begun by another handle",
                          schunk->path);
}

/* Where there is no frame any more a lock file would be left alone: it goes, if it is `fresh`. */
static int check_frame(const blosc2_schunk *schunk, const char *path, b2_file *fresh)
{
    const b2_io *io = schunk->io;
    b2_path_kind kind;
    int status = io->kind(io->context, schunk->path, &kind);
    if (status < 0 || kind != B2_PATH_NONE) return status;
    if (fresh) io->remove(io->context, path);
    return b2_store_changed(schunk->path);
}

/* @param lock  Its file is set on success; to be unlocked on failure, too, if it is. */
static int take_file(const blosc2_schunk *schunk, const char *path, b2_held_lock *lock)
{
    const b2_io *io = schunk->io;
    int64_t size;
    int status = check_own_locks(schunk, path);
    if (status == BLOSC2_OK) status = wait_for_lock(schunk, path, &lock->file);
    if (status == BLOSC2_E_IO && blosc2_last_os_error() == ENOENT) {
        int gone = check_frame(schunk, path, NULL);
        return gone < 0 ? gone : status;
    }
    if (status == BLOSC2_OK) status = io->size(io->context, lock->file, &size);
    if (status == BLOSC2_OK && size == 0) status = check_frame(schunk, path, lock->file);
    return status < 0 ? status : io->identity(io->context, path, &lock->identity);
}

static int take_lock(blosc2_schunk *schunk, const char *path)
{
    b2_held_lock *lock = b2_calloc(sizeof *lock);
    if (!lock) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a lock");
    int status = take_file(schunk, path, lock);
    if (status < 0) {
        schunk->io->unlock(schunk->io->context, lock->file);
        b2_free(lock);
        return status;
    }
    lock->thread = this_thread();
    lock->process = b2_process_id();
    list_add(lock);
    schunk->locks.held = lock;
    name_holder(schunk, lock->file, OWNER_US);
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ calls */

void b2_locks_watch(blosc2_schunk *schunk)
{
    if (!locks(schunk)) return;
    const b2_io *io = schunk->io;
    if (!schunk->locks.held) schunk->locks.generation = find_generation(schunk);
    /* A new one, and not the old one moved: a forked child may have that too, and still read what it tells.
     */
    b2_file *before = schunk->locks.snapshot;
    b2_failure failure;
    b2_failure_save(&failure); /* others then take it that somebody may read anything */
    schunk->locks.snapshot = NULL;
    io->hold(io->context, schunk->path, schunk->locks.generation, &schunk->locks.snapshot);
    io->unlock(io->context, before);
    b2_failure_restore(&failure);
}

bool b2_locks_have_changed(const blosc2_schunk *schunk)
{
    if (!locks(schunk)) return false;
    const b2_held_lock *held = schunk->locks.held;
    uint64_t now = held ? read_counter(schunk->io, held->file) : find_generation(schunk);
    return now != schunk->locks.generation;
}

int b2_locks_enter(blosc2_schunk *schunk)
{
    if (!locks(schunk) || !schunk->committed) return BLOSC2_OK; /* nobody else can see it yet */
    char *path = lock_path(schunk);
    int status = path ? take_lock(schunk, path) : BLOSC2_E_MEMORY;
    b2_free(path);
    return status;
}

int b2_locks_count(blosc2_schunk *schunk)
{
    if (!schunk->locks.held) return BLOSC2_OK;
    uint64_t generation = ++schunk->locks.generation;
    return schunk->io->write(schunk->io->context, schunk->locks.held->file, &generation, sizeof generation,
                             COUNTER_AT);
}

void b2_locks_counted(blosc2_schunk *schunk)
{
    b2_failure failure;
    b2_failure_save(&failure);
    b2_locks_count(schunk);
    b2_failure_restore(&failure);
    b2_locks_watch(schunk);
}

void b2_locks_leave(blosc2_schunk *schunk)
{
    b2_held_lock *lock = schunk->locks.held;
    if (!lock) return;
    schunk->locks.held = NULL;
    if (lock->process == b2_process_id()) { /* or this is a child, and the lock its parent's */
        name_holder(schunk, lock->file, OWNER_NOBODY);
        list_remove(lock);
    }
    schunk->io->unlock(schunk->io->context, lock->file);
    b2_free(lock);
}

void blosc2_schunk_leave_to_parent(blosc2_schunk *schunk)
{
    b2_held_lock *lock = schunk->locks.held;
    schunk->locks.held = NULL;
    if (lock) schunk->io->unlock(schunk->io->context, lock->file); /* the list is forgotten by itself */
    b2_free(lock);
}

b2_held b2_snapshots_held(const blosc2_schunk *schunk)
{
    if (!locks(schunk)) return B2_HELD_UNKNOWN;
    return schunk->io->held(schunk->io->context, schunk->locks.snapshot, schunk->locks.generation);
}

void b2_locks_free(blosc2_schunk *schunk)
{
    if (schunk->locks.snapshot) schunk->io->unlock(schunk->io->context, schunk->locks.snapshot);
    schunk->locks.snapshot = NULL;
}
