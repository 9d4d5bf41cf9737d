/** Variables that each thread has its own of. */
#ifndef B2_BASE_THREAD_LOCAL_H
#define B2_BASE_THREAD_LOCAL_H

#if defined(_MSC_VER)
#define B2_THREAD_LOCAL __declspec(thread)
#else
#define B2_THREAD_LOCAL _Thread_local
#endif

#endif
