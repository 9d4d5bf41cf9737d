/** What the files of io/ that call POSIX share. */
#ifndef B2_IO_POSIX_H
#define B2_IO_POSIX_H

#include <stdbool.h>

#include "io/io.h"

/** What a b2_file of the system's table is. */
typedef struct b2_posix_file {
    int descriptor;
    bool writable;
    long process; /* whose lock it is */
    char path[];  /* for messages */
} b2_posix_file;

/** open() that neither inherits, nor becomes a terminal's, nor waits for the other end of a pipe. */
int b2_posix_open(const char *path, int flags);

/** @return BLOSC2_OK, or BLOSC2_E_IO: a directory, a pipe, ... */
int b2_posix_check_regular(int descriptor, const char *path);

/** Of an open file. */
int b2_posix_identify(int descriptor, const char *path, b2_identity *out);

/* io/posix_attributes.c */
void b2_posix_take_attributes(void *context, b2_file *file, const char *like, b2_attributes what);

/* Functions of the table: io/posix_lock.c. */
int b2_posix_lock(void *context, const char *path, b2_file **out);
int b2_posix_hold(void *context, const char *path, b2_identity *of, b2_file **out);
void b2_posix_narrow(void *context, b2_file *own, b2_numbers numbers);
b2_held b2_posix_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *found);
void b2_posix_unlock(void *context, b2_file *file);

#endif
