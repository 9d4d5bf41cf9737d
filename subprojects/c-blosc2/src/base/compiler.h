/** Where compilers do not agree. */
#ifndef B2_BASE_COMPILER_H
#define B2_BASE_COMPILER_H

/** Storage of a variable that each thread has its own of. */
#if defined(_MSC_VER)
#define B2_THREAD_LOCAL __declspec(thread)
#else
#define B2_THREAD_LOCAL _Thread_local
#endif

#endif
