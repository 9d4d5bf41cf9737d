/**
 * The process-wide pool of threads: blosc2_parallel_for() of blosc2.h.
 *
 * A caller puts its loop on the pool's list, works at it as worker 0, and takes it off the list when no index
 * is left; idle threads take seats in any loop of the list that has some free. So several callers share the
 * threads, and none waits for a thread that has not begun. Threads are started when first needed, detached,
 * and parked for ever after; they never touch Python.
 *
 * A failure, or an interrupt of the caller, stops a loop: those who work at it return at their next look,
 * between two blocks.
 *
 * After fork() a child has none of them, so it begins with a new pool; the old one is left alone, for its
 * lock may be held by a thread that is gone. The list is short: one entry for each thread that is in
 * blosc2_parallel_for().
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/memory.h"
#include "base/thread_local.h"
#include "blosc2.h"
#include "threads/interrupt.h"
#include "threads/os.h"

enum {
    MAX_THREADS = 256,
    MESSAGE_BYTES = 1024,
    PATH_BYTES = 4096,
};

/** A failure on its way from the thread that met it to the caller. */
typedef struct failure {
    int status; /* BLOSC2_OK: none yet */
    int os_error;
    char message[MESSAGE_BYTES];
    char path[PATH_BYTES];
} failure;

/** One call of blosc2_parallel_for(), on its caller's stack. */
typedef struct parallel_loop {
    blosc2_work_fn *work;
    void *context;
    int64_t count;
    _Atomic int64_t next; /* first index that nobody has taken */
    atomic_bool stopped;  /* by a failure, which is in `first` by then */
    /* Under the pool's lock: */
    int seats;   /* threads that may still join */
    int members; /* worker numbers given, the caller's included */
    int busy;    /* threads of the pool that are in */
    failure first;
    struct parallel_loop *below; /* next on the list */
    b2_condition is_idle;        /* busy has become 0 */
} parallel_loop;

typedef struct thread_pool {
    long pid; /* whose threads these are */
    b2_mutex lock;
    b2_condition has_work;
    parallel_loop *loops;
    int threads;
} thread_pool;

static _Atomic(thread_pool *) current;
static b2_once fork_watch_once = B2_ONCE_INIT;
static B2_THREAD_LOCAL bool is_inside; /* this thread works for a loop: nested ones run alone */

/* ------------------------------------------------------------------ working at a loop */

/** True in a child that was forked from inside of a loop: the pool's threads and its lock are lost. */
static bool is_lost(const thread_pool *pool)
{
    return atomic_load(&current) != pool;
}

/** Keep the failure of this thread if it is the loop's first, and stop the loop. */
static void report(thread_pool *pool, parallel_loop *loop, int status)
{
    if (is_lost(pool)) return;
    b2_mutex_lock(&pool->lock);
    if (loop->first.status == BLOSC2_OK) {
        loop->first.status = status;
        loop->first.os_error = blosc2_last_os_error();
        snprintf(loop->first.message, sizeof loop->first.message, "%s", blosc2_last_error());
        snprintf(loop->first.path, sizeof loop->first.path, "%s", blosc2_last_path());
    }
    b2_mutex_unlock(&pool->lock);
    atomic_store_explicit(&loop->next, loop->count, memory_order_relaxed);
    atomic_store_explicit(&loop->stopped, true, memory_order_relaxed);
}

/** Take indices until none is left; a failure takes all that are left away. */
static void work_at(thread_pool *pool, parallel_loop *loop, int worker)
{
    b2_follower before = b2_interrupt_follow((b2_follower){&loop->stopped, worker == 0});
    is_inside = true;
    for (;;) {
        int64_t index = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
        if (index >= loop->count) break;
        int status = loop->work(loop->context, worker, index);
        if (status == BLOSC2_OK) status = blosc2_check_interrupt();
        if (status < 0) report(pool, loop, status);
    }
    is_inside = false;
    b2_interrupt_follow(before);
}

static int work_alone(int64_t count, blosc2_work_fn *work, void *context)
{
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < count && status == BLOSC2_OK; i++) {
        if (i > 0) status = blosc2_check_interrupt(); /* one piece alone looks at no clock */
        if (status == BLOSC2_OK) status = work(context, 0, i);
    }
    return status;
}

/* ------------------------------------------------------------------ threads */

static parallel_loop *find_seat(const thread_pool *pool)
{
    for (parallel_loop *loop = pool->loops; loop; loop = loop->below) {
        if (loop->seats > 0 && atomic_load_explicit(&loop->next, memory_order_relaxed) < loop->count)
            return loop;
    }
    return NULL;
}

static b2_thread_result B2_THREAD_CALL run_thread(void *argument)
{
    thread_pool *pool = argument;
    b2_mutex_lock(&pool->lock);
    for (;;) {
        parallel_loop *loop = find_seat(pool);
        if (!loop) {
            b2_condition_wait(&pool->has_work, &pool->lock);
            continue;
        }
        loop->seats--;
        loop->busy++;
        int worker = loop->members++;
        b2_mutex_unlock(&pool->lock);
        work_at(pool, loop, worker);
        b2_mutex_lock(&pool->lock);
        if (--loop->busy == 0) b2_condition_wake_one(&loop->is_idle);
    }
    return 0;
}

/** Start threads until there are `wanted`. It is no failure if the system has no more: there are others, or
 * the caller. */
static void grow(thread_pool *pool, int wanted)
{
    b2_thread thread;
    while (pool->threads < wanted && b2_thread_start(&thread, run_thread, pool)) {
        b2_thread_detach(thread);
        pool->threads++;
    }
}

/* ------------------------------------------------------------------ the pool of this process */

static void forget_pool(void *context)
{
    (void)context;
    atomic_store(&current, NULL);
}

static void watch_forks(void)
{
    static blosc2_fork_watch watch = {.run = forget_pool};
    blosc2_fork_watch_add(&watch);
}

/** The pool; NULL if memory is short. The number of the process finds forks that bypass the C library. */
static thread_pool *get_pool(void)
{
    b2_once_run(&fork_watch_once, watch_forks);
    thread_pool *old = atomic_load(&current);
    if (old && old->pid == b2_process_id()) return old;

    thread_pool *fresh = b2_calloc(sizeof *fresh);
    if (!fresh) return NULL;
    fresh->pid = b2_process_id();
    b2_mutex_init(&fresh->lock);
    b2_condition_init(&fresh->has_work);
    if (atomic_compare_exchange_strong(&current, &old, fresh)) return fresh;
    b2_condition_deinit(&fresh->has_work); /* another thread was faster */
    b2_mutex_deinit(&fresh->lock);
    b2_free(fresh);
    return old;
}

static void put_on_list(thread_pool *pool, parallel_loop *loop)
{
    b2_mutex_lock(&pool->lock);
    int helpers = loop->seats;
    grow(pool, helpers);
    loop->below = pool->loops;
    pool->loops = loop;
    for (int i = 0; i < helpers; i++) b2_condition_wake_one(&pool->has_work);
    b2_mutex_unlock(&pool->lock);
}

/** Take the loop off the list and wait for the threads that are still in it. */
static void finish(thread_pool *pool, parallel_loop *loop)
{
    b2_mutex_lock(&pool->lock);
    struct parallel_loop **link = &pool->loops;
    while (*link != loop) link = &(*link)->below;
    *link = loop->below;
    while (loop->busy > 0 && !is_lost(pool)) {
        b2_condition_wait_for(&loop->is_idle, &pool->lock, B2_INTERRUPT_MILLISECONDS);
        if (loop->busy == 0 || loop->first.status < 0) continue;
        b2_mutex_unlock(&pool->lock); /* who is asked may want other locks */
        int status = b2_interrupt_ask();
        if (status < 0) report(pool, loop, status);
        if (!is_lost(pool)) b2_mutex_lock(&pool->lock);
    }
    if (!is_lost(pool)) b2_mutex_unlock(&pool->lock);
}

int blosc2_parallel_for(int threads, int64_t count, blosc2_work_fn *work, void *context)
{
    int members = (int)b2_min_i64(b2_min_i64(threads, MAX_THREADS), count);
    thread_pool *pool = members > 1 && !is_inside ? get_pool() : NULL;
    if (!pool) return work_alone(count, work, context);

    parallel_loop loop = {
        .work = work, .context = context, .count = count, .seats = members - 1, .members = 1};
    b2_condition_init(&loop.is_idle);
    put_on_list(pool, &loop);
    work_at(pool, &loop, 0);
    if (!is_lost(pool)) finish(pool, &loop);
    if (is_lost(pool))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "fork inside of a parallel loop: the child has a part of it");
    b2_condition_deinit(&loop.is_idle);
    if (loop.first.status == BLOSC2_OK) return BLOSC2_OK;
    return blosc2_fail_io(loop.first.status, loop.first.os_error, loop.first.path, "%s", loop.first.message);
}
