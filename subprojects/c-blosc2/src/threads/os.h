/**
 * What this library needs of the operating system's threads, once for pthreads and once for Windows (Vista or
 * later, by its own calls: no library beside it).
 *
 * Nothing here fails but starting a thread. Layer: above base only; other layers may use locks and b2_once.
 */
#ifndef B2_THREADS_OS_H
#define B2_THREADS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <process.h>
#include <windows.h>

/* ------------------------------------------------------------------ Windows: locks */

typedef SRWLOCK b2_mutex;
typedef CONDITION_VARIABLE b2_condition;
#define B2_MUTEX_INIT SRWLOCK_INIT

static inline void b2_mutex_init(b2_mutex *mutex)
{
    InitializeSRWLock(mutex);
}

static inline void b2_mutex_deinit(b2_mutex *mutex)
{
    (void)mutex; /* owns nothing */
}

static inline void b2_mutex_lock(b2_mutex *mutex)
{
    AcquireSRWLockExclusive(mutex);
}

static inline void b2_mutex_unlock(b2_mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex);
}

static inline void b2_condition_init(b2_condition *condition)
{
    InitializeConditionVariable(condition);
}

static inline void b2_condition_deinit(b2_condition *condition)
{
    (void)condition;
}

static inline void b2_condition_wait(b2_condition *condition, b2_mutex *mutex)
{
    SleepConditionVariableSRW(condition, mutex, INFINITE, 0);
}

static inline void b2_condition_wait_for(b2_condition *condition, b2_mutex *mutex, unsigned milliseconds)
{
    SleepConditionVariableSRW(condition, mutex, milliseconds, 0);
}

static inline void b2_condition_wake_one(b2_condition *condition)
{
    WakeConditionVariable(condition);
}

static inline void b2_condition_wake_all(b2_condition *condition)
{
    WakeAllConditionVariable(condition);
}

/* ------------------------------------------------------------------ Windows: once */

typedef INIT_ONCE b2_once;
#define B2_ONCE_INIT INIT_ONCE_STATIC_INIT

static inline void b2_once_run(b2_once *once, void (*run)(void))
{
    BOOL is_first = FALSE;
    InitOnceBeginInitialize(once, 0, &is_first, NULL); /* waits for another thread that is in `run` */
    if (!is_first) return;
    run();
    InitOnceComplete(once, 0, NULL);
}

/* ------------------------------------------------------------------ Windows: threads */

typedef HANDLE b2_thread;
typedef unsigned b2_thread_result;
#define B2_THREAD_CALL __stdcall

static inline bool b2_thread_start(b2_thread *out, b2_thread_result(B2_THREAD_CALL *run)(void *),
                                   void *argument)
{
    *out = (HANDLE)_beginthreadex(NULL, 0, run, argument, 0, NULL); /* stack: the program's, usually 1 MiB */
    return *out != NULL;
}

static inline void b2_thread_detach(b2_thread thread)
{
    CloseHandle(thread);
}

static inline void b2_thread_join(b2_thread thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

static inline long b2_process_id(void)
{
    return (long)GetCurrentProcessId();
}

static inline void b2_around_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    (void)prepare; /* there is no fork */
    (void)parent;
    (void)child;
}

/* ------------------------------------------------------------------ Windows: time */

static inline uint64_t b2_coarse_milliseconds(void)
{
    return GetTickCount64();
}

#else

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ POSIX: locks */

typedef pthread_mutex_t b2_mutex;
typedef pthread_cond_t b2_condition;
#define B2_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER

/* Without attributes these cannot fail where mutexes and conditions are plain memory: glibc, musl, macOS,
 * BSD. */
static inline void b2_mutex_init(b2_mutex *mutex)
{
    pthread_mutex_init(mutex, NULL);
}

static inline void b2_mutex_deinit(b2_mutex *mutex)
{
    pthread_mutex_destroy(mutex);
}

static inline void b2_mutex_lock(b2_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

static inline void b2_mutex_unlock(b2_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

/* For waits with a limit: a clock that nobody sets. macOS waits for a span of time instead. */
static inline void b2_condition_init(b2_condition *condition)
{
#ifdef __APPLE__
    pthread_cond_init(condition, NULL);
#else
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
#endif
}

static inline void b2_condition_deinit(b2_condition *condition)
{
    pthread_cond_destroy(condition);
}

static inline void b2_condition_wait(b2_condition *condition, b2_mutex *mutex)
{
    pthread_cond_wait(condition, mutex);
}

/** Wait until woken, or for that long, or, as any wait may, for no reason. */
static inline void b2_condition_wait_for(b2_condition *condition, b2_mutex *mutex, unsigned milliseconds)
{
    struct timespec time = {.tv_sec = (time_t)(milliseconds / 1000),
                            .tv_nsec = (long)(milliseconds % 1000) * 1000000};
#ifdef __APPLE__
    pthread_cond_timedwait_relative_np(condition, mutex, &time);
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time.tv_sec += now.tv_sec + (now.tv_nsec + time.tv_nsec) / 1000000000;
    time.tv_nsec = (now.tv_nsec + time.tv_nsec) % 1000000000;
    pthread_cond_timedwait(condition, mutex, &time);
#endif
}

static inline void b2_condition_wake_one(b2_condition *condition)
{
    pthread_cond_signal(condition);
}

static inline void b2_condition_wake_all(b2_condition *condition)
{
    pthread_cond_broadcast(condition);
}

/* ------------------------------------------------------------------ POSIX: once */

typedef pthread_once_t b2_once;
#define B2_ONCE_INIT PTHREAD_ONCE_INIT

static inline void b2_once_run(b2_once *once, void (*run)(void))
{
    pthread_once(once, run);
}

/* ------------------------------------------------------------------ POSIX: threads */

typedef pthread_t b2_thread;
typedef void *b2_thread_result;
#define B2_THREAD_CALL

/** All signals are for the program's own threads, but those that tell of a fault in the thread itself. */
static inline void b2_block_signals(sigset_t *old)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, old);
}

static inline bool b2_thread_start(b2_thread *out, b2_thread_result(B2_THREAD_CALL *run)(void *),
                                   void *argument)
{
    const size_t least_bytes = (size_t)1 << 20; /* musl's 128 KiB and macOS's 512 are little for codecs */
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    size_t stack_bytes;
    if (pthread_attr_getstacksize(&attributes, &stack_bytes) == 0 && stack_bytes < least_bytes)
        pthread_attr_setstacksize(&attributes, least_bytes);
    sigset_t old;
    b2_block_signals(&old); /* inherited by the new thread */
    int error = pthread_create(out, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0;
}

static inline void b2_thread_detach(b2_thread thread)
{
    pthread_detach(thread);
}

static inline void b2_thread_join(b2_thread thread)
{
    pthread_join(thread, NULL);
}

static inline long b2_process_id(void)
{
    return (long)getpid();
}

/** Have the C library call `prepare` before each fork, in the thread that forks, and the others after it. */
static inline void b2_around_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    pthread_atfork(prepare, parent, child);
}

/* ------------------------------------------------------------------ POSIX: time */

/** Milliseconds since some instant, some of them late; cheap enough to ask for each block. */
static inline uint64_t b2_coarse_milliseconds(void)
{
    struct timespec now;
#ifdef CLOCK_MONOTONIC_COARSE
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
#endif
