/** Keep a thread's last failure while cleaning up, whose own failures must not replace it. */
#ifndef B2_BASE_FAILURE_H
#define B2_BASE_FAILURE_H

enum { B2_MESSAGE_BYTES = 1024, B2_PATH_BYTES = 4096 };

typedef struct b2_failure {
    int os_error;
    char message[B2_MESSAGE_BYTES];
    char path[B2_PATH_BYTES];
} b2_failure;

void b2_failure_save(b2_failure *out);

/** Make it this thread's last failure again; it may come from another thread. */
void b2_failure_restore(const b2_failure *failure);

/** Replace each `from` in this thread's last message and path by `to`, which is cut where there is no room.
 */
void b2_failure_replace(const char *from, const char *to);

#endif
