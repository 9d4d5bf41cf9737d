/**
 * Temporary names: "NAME.tmp-<pid>-<random><host>", both of 8 hexadecimal digits. The second says on which
 * host, and in which name space of processes, the number is one: what a container beside this one writes is
 * not taken for left over.
 */
#include "io/temporary.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/memory.h"
#include "blosc2.h"

static const char MARK[] = ".tmp-";
enum { RANDOM_DIGITS = 8, HOST_DIGITS = 8, DIGITS = RANDOM_DIGITS + HOST_DIGITS };

B2_WRAPS static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (; *text; text++) h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

static uint32_t host_tag(void)
{
    char text[2 * B2_HOST_BYTES] = "";
    b2_io_host(text);
    b2_io_process_space(text + strlen(text));
    return hash(text);
}

/* Another one in each call, most likely. */
B2_WRAPS static uint32_t next_number(void)
{
    static _Atomic uint32_t count;
    return atomic_fetch_add(&count, 1) * 2654435761u ^ (uint32_t)b2_io_ticks();
}

char *b2_io_temporary_name(const char *path)
{
    size_t bytes = strlen(path) + 64;
    char *name = b2_malloc(bytes);
    uint32_t number = next_number();
    if (name)
        snprintf(name, bytes, "%s%s%ld-%08" PRIx32 "%08" PRIx32, path, MARK, (long)b2_io_own_process(),
                 number, host_tag());
    return name;
}

/* Take one apart, from its MARK on. @return Its length, 0 if it is none. */
static size_t parse(const char *text, int64_t *process, uint32_t *tag)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = sizeof MARK - 1;
    size_t pid_digits = strspn(text + at, "0123456789");
    if (strncmp(text, MARK, at) != 0 || pid_digits == 0 || pid_digits > 10) return 0;
    *process = strtoll(text + at, NULL, 10);
    at += pid_digits;
    if (text[at++] != '-' || strspn(text + at, digits) != DIGITS) return 0;
    *tag = (uint32_t)strtoul(text + at + RANDOM_DIGITS, NULL, 16);
    return at + DIGITS;
}

const char *b2_temporary_find(const char *text, size_t *bytes)
{
    int64_t process;
    uint32_t tag;
    for (const char *at = text; (at = strstr(at, MARK)); at++)
        if ((*bytes = parse(at, &process, &tag)) > 0) return at;
    return NULL;
}

/* ------------------------------------------------------------------ what is left */

typedef struct sweep_job {
    const b2_io *io;
    const char *directory, *stem;
    size_t stem_bytes;
    uint32_t tag;
    int64_t entries;
} sweep_job;

/* Whether somebody who is no more has made it. */
static bool is_left_over(const sweep_job *job, const char *name)
{
    int64_t process;
    uint32_t tag;
    if (strncmp(name, job->stem, job->stem_bytes) != 0) return false;
    size_t bytes = parse(name + job->stem_bytes, &process, &tag);
    return bytes > 0 && name[job->stem_bytes + bytes] == '\0' && tag == job->tag &&
           !b2_io_process_lives(process);
}

typedef struct empty_job {
    const b2_io *io;
    const char *directory;
} empty_job;

/* Eight hexadecimal digits and ".chunk". */
static bool is_chunk_name(const char *name)
{
    static const char digits[] = "0123456789ABCDEF", end[] = ".chunk";
    enum { DIGIT_COUNT = 8 };
    if (strlen(name) != DIGIT_COUNT + sizeof end - 1) return false;
    for (int i = 0; i < DIGIT_COUNT; i++)
        if (!memchr(digits, name[i], sizeof digits - 1)) return false;
    return memcmp(name + DIGIT_COUNT, end, sizeof end) == 0;
}

/* Of a sparse frame that was being made: nothing but its own files. */
static void remove_inside(void *context, const char *name)
{
    const empty_job *job = context;
    bool is_chunk = is_chunk_name(name);
    bool is_index = strncmp(name, "chunks.b2frame", 14) == 0;
    if (!is_chunk && !is_index) return;
    char *path = b2_io_join(job->directory, "/", name);
    if (path) job->io->remove(job->io->context, path);
    b2_free(path);
}

static void sweep_name(void *context, const char *name)
{
    sweep_job *job = context;
    job->entries++;
    if (!is_left_over(job, name)) return;
    const b2_io *io = job->io;
    char *path = b2_io_join(job->directory, "/", name);
    if (!path) return;
    if (io->remove(io->context, path) < 0) { /* not a file, nor a link: what is behind a link stays */
        empty_job inside = {io, path};
        io->list(io->context, path, remove_inside, &inside);
        io->remove_directory(io->context, path);
    }
    b2_free(path);
}

void b2_temporary_sweep(const b2_io *io, const char *directory, const char *stem, int64_t *entries)
{
    sweep_job job = {io, directory, stem, strlen(stem), host_tag(), 0};
    if (io->list) io->list(io->context, directory, sweep_name, &job);
    *entries = job.entries;
}
