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
#include "schunk/lock_file.h"
#include "schunk/schunk.h"
#include "threads/os.h"

static const char HOLDER_FORMAT[] = B2_LOCK_HOLDER_START "%lld since %lld host %s\n";

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
    if (io->read(io->context, file, &counter, sizeof counter, B2_LOCK_COUNTER_AT) < 0) return 0;
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
    char text[B2_LOCK_HOLDER_BYTES] = "", host[B2_HOST_BYTES];
    b2_failure failure;
    b2_failure_save(&failure);
    b2_io_host(host);
    if (who == OWNER_US)
        snprintf(text, sizeof text, HOLDER_FORMAT, (long long)b2_process_id(), (long long)time(NULL), host);
    schunk->io->write(schunk->io->context, file, text, sizeof text, B2_LOCK_HOLDER_AT);
    b2_failure_restore(&failure);
}

/* ------------------------------------------------------------------ waiting */

/* Who has the lock, as far as can be told, in words. */
static void describe_holder(const blosc2_schunk *schunk, const char *path, char *out, size_t bytes)
{
    const b2_io *io = schunk->io;
    char text[B2_LOCK_HOLDER_BYTES + 1] = "", host[B2_HOST_BYTES] = "", here[B2_HOST_BYTES];
    long long process = 0, since = 0;
    b2_file *file;
    snprintf(out, bytes, "another process");
    if (io->open(io->context, path, B2_OPEN_READ, &file) < 0) return;
    int status = io->read(io->context, file, text, B2_LOCK_HOLDER_BYTES, B2_LOCK_HOLDER_AT);
    io->close(io->context, file);
    if (status < 0 ||
        sscanf(text, B2_LOCK_HOLDER_START "%lld since %lld host %63s", &process, &since, host) < 2)
        return;
    b2_io_host(here);
    bool is_here = strcmp(host, here) == 0;
    if (is_here && !b2_io_process_lives(process)) return; /* it left its name, and has not the lock */
    if (is_here && process == b2_process_id()) {
        snprintf(out, bytes, "another thread of this process, %lld", process);
        return;
    }
    long long now = (long long)time(NULL), seconds = since > 0 && since < now ? now - since : 0;
    snprintf(out, bytes, "process %lld%s%s, for %lld s", process, is_here ? "" : " of ", is_here ? "" : host,
             seconds);
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
    return b2_store_gone(schunk->path);
}

/* @param lock  Its file is set on success; to be unlocked on failure, too, if it is. */
static int take_file(const blosc2_schunk *schunk, const char *path, b2_held_lock *lock, b2_lock_file *found)
{
    const b2_io *io = schunk->io;
    int status = check_own_locks(schunk, path);
    if (status == BLOSC2_OK) status = wait_for_lock(schunk, path, &lock->file);
    if (status == BLOSC2_E_IO && blosc2_last_os_error() == ENOENT) {
        int gone = check_frame(schunk, path, NULL);
        return gone < 0 ? gone : status;
    }
    if (status == BLOSC2_OK) status = b2_lock_file_check(io, lock->file, path, found);
    if (status == BLOSC2_OK && io->take_attributes)
        io->take_attributes(io->context, lock->file, schunk->path, B2_ATTRIBUTES_LOCK);
    if (status == BLOSC2_OK && found->identity.bytes == 0) status = check_frame(schunk, path, lock->file);
    if (status == BLOSC2_OK) lock->identity = found->identity;
    return status;
}

static int take_lock(blosc2_schunk *schunk, const char *path)
{
    b2_held_lock *lock = b2_calloc(sizeof *lock);
    if (!lock) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a lock");
    b2_lock_file found = {0};
    int status = take_file(schunk, path, lock, &found);
    if (status < 0) {
        schunk->io->unlock(schunk->io->context, lock->file);
        b2_free(lock);
        return status;
    }
    lock->thread = this_thread();
    lock->process = b2_process_id();
    list_add(lock);
    schunk->locks.held = lock;
    /* Who is named has died with the lock, and may have left what he was writing. */
    if (found.has_holder) b2_names_sweep(schunk->names, B2_SWEEP_NOW);
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
    b2_failure_save(&failure); /* others are not told then */
    schunk->locks.snapshot = NULL;
    io->hold(io->context, schunk->path, &schunk->locks.of, &schunk->locks.snapshot);
    io->unlock(io->context, before);
    b2_failure_restore(&failure);
}

int b2_locks_check_snapshot(const blosc2_schunk *schunk, const b2_identity *of)
{
    const b2_identity *told = &schunk->locks.of;
    if (!schunk->locks.snapshot) return BLOSC2_OK; /* nobody was told of any */
    bool is_one = told->device == of->device && told->number == of->number;
    return is_one ? BLOSC2_OK : b2_store_changed(schunk->path);
}

void b2_locks_settle(blosc2_schunk *schunk)
{
    const b2_io *io = schunk->io;
    if (!schunk->locks.snapshot) return;
    if (schunk->home == BLOSC2_HOME_DIRECTORY) b2_store_sparse_hold(schunk->store, &schunk->locks.of);
    b2_numbers numbers = schunk->store->state;
    if (numbers.count == 0 && schunk->recovered == BLOSC2_RECOVERED_OLDER) {
        schunk->store->generation = B2_NUMBERS; /* it is the one that was stepped back from: all is held */
        return;
    }
    if (numbers.count == 0) { /* what was read may be newer */
        uint64_t after = schunk->locks.held ? schunk->locks.generation : find_generation(schunk);
        bool is_sure = after == schunk->locks.generation && after < B2_NUMBERS;
        schunk->store->generation = is_sure ? after : B2_NUMBERS;
        if (after < schunk->locks.generation || after >= B2_NUMBERS) return;
        numbers = (b2_numbers){schunk->locks.generation, after - schunk->locks.generation + 1};
    }
    io->narrow(io->context, schunk->locks.snapshot, numbers);
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
                             B2_LOCK_COUNTER_AT);
}

void b2_locks_counted(blosc2_schunk *schunk)
{
    b2_failure failure;
    b2_failure_save(&failure);
    b2_locks_count(schunk);
    b2_failure_restore(&failure);
    b2_locks_watch(schunk);
    b2_locks_settle(schunk);
}

void blosc2_schunk_remove_beside(const char *path)
{
    blosc2_schunk *schunk;
    b2_failure failure;
    b2_failure_save(&failure);
    if (b2_schunk_new(BLOSC2_HOME_FILE, path, &schunk) == BLOSC2_OK) {
        char *lock = lock_path(schunk);
        if (lock && b2_schunk_resolve(schunk, schunk->io) == BLOSC2_OK) {
            b2_lock_file_remove(schunk->io, lock);
            b2_names_sweep(schunk->names, B2_SWEEP_NOW);
        }
        b2_free(lock);
        blosc2_schunk_free(schunk);
    }
    b2_failure_restore(&failure);
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

/* Those that hold some of `numbers`: one, and what lies to both sides of it. */
static void collect(const blosc2_schunk *schunk, b2_numbers numbers, b2_holders *out)
{
    b2_numbers run = {0};
    if (numbers.count == 0 || out->held == B2_HELD_UNKNOWN) return;
    b2_held held = schunk->io->held(schunk->io->context, schunk->locks.snapshot, numbers, &run);
    if (held == B2_HELD_NONE) return;
    if (held == B2_HELD_UNKNOWN || out->count == B2_HOLDERS_MAX) {
        out->held = B2_HELD_UNKNOWN;
        return;
    }
    out->held = B2_HELD_SOME;
    out->runs[out->count++] = run;
    uint64_t stop = numbers.first + numbers.count, run_stop = run.first + run.count;
    if (run.first > numbers.first)
        collect(schunk, (b2_numbers){numbers.first, run.first - numbers.first}, out);
    if (run_stop < stop) collect(schunk, (b2_numbers){run_stop, stop - run_stop}, out);
}

void b2_locks_find_holders(const blosc2_schunk *schunk, b2_holders *out)
{
    b2_numbers own = schunk->store->state;
    if (own.count == 0) own = (b2_numbers){schunk->locks.generation, 1};
    out->held = locks(schunk) && own.first + own.count <= B2_NUMBERS ? B2_HELD_NONE : B2_HELD_UNKNOWN;
    out->count = 0;
    uint64_t stop = own.first + own.count;
    collect(schunk, (b2_numbers){0, own.first}, out);
    collect(schunk, (b2_numbers){stop, B2_NUMBERS - stop}, out);
}

/* Who is just opening it holds every number, and vouches for nothing. */
static bool is_within(b2_numbers part, b2_numbers all)
{
    return part.first >= all.first && part.first + part.count <= all.first + all.count;
}

bool b2_locks_have_others(const blosc2_schunk *schunk)
{
    enum { TRIES = 4 }; /* one is told at a time, and who is opening may hide who has it open */
    const b2_io *io = schunk->io;
    const b2_numbers state = schunk->store->state;
    if (!locks(schunk) || !schunk->locks.snapshot) return false;
    for (int i = 0; i < TRIES; i++) {
        b2_numbers run;
        if (i > 0) b2_io_sleep(1);
        if (io->held(io->context, schunk->locks.snapshot, state, &run) != B2_HELD_SOME) return false;
        if (is_within(run, state)) return true;
    }
    return false;
}

void b2_locks_free(blosc2_schunk *schunk)
{
    if (schunk->locks.snapshot) schunk->io->unlock(schunk->io->context, schunk->locks.snapshot);
    schunk->locks.snapshot = NULL;
}
