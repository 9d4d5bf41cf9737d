#include "schunk/sparse_open.h"

#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "frame/fingerprint.h"
#include "schunk/load.h"
#include "schunk/sparse_chunks.h"
#include "schunk/sparse_copy.h"

/** A directory that is being opened. */
typedef struct opening {
    const b2_io *io;
    blosc2_schunk *schunk;
    char *path; /* of the index file */
    b2_identity identity;
    b2_buffer bytes; /* of the index file, as many as there are or as its header says */
    int64_t bytes_count, file_bytes;
    b2_sparse_copy copy;
    int64_t highest; /* chunk file that an index names which is not taken; -1: none */
} opening;

static bool is_damage(int status)
{
    return status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED || status == BLOSC2_E_CODEC ||
           status == BLOSC2_E_LIMIT;
}

/* ------------------------------------------------------------------ reading bytes */

/* How much of the file is the frame, by its header. */
static int frame_bytes_of(opening *o, b2_file *file, int64_t *frame_bytes)
{
    uint8_t head[B2_FRAME_HEADER_MIN];
    b2_frame_header header;
    int status = BLOSC2_OK;
    if (o->file_bytes >= (int64_t)sizeof head)
        status = o->io->read(o->io->context, file, head, sizeof head, 0);
    if (status == BLOSC2_OK) status = b2_frame_header_parse(head, o->file_bytes, B2_FRAME_SPARSE, &header);
    if (status == BLOSC2_OK) status = blosc2_schunk_check_bytes(o->schunk, "chunk index", header.frame_bytes);
    if (status == BLOSC2_OK) *frame_bytes = header.frame_bytes;
    return status;
}

/* @param count  Bytes that are read, if there are as many; 0: as its header says. */
static int read_bytes(opening *o, b2_file *file, int64_t count)
{
    int status = o->io->size(o->io->context, file, &o->file_bytes);
    if (status == BLOSC2_OK && count == 0) status = frame_bytes_of(o, file, &count);
    if (status < 0) return status;
    o->bytes_count = o->file_bytes < count ? o->file_bytes : count;
    status = b2_buffer_reserve_exactly(&o->bytes, (size_t)o->bytes_count);
    if (status < 0) return status;
    return o->io->read(o->io->context, file, o->bytes.bytes, (size_t)o->bytes_count, 0);
}

/* @param count  As read_bytes() takes it. */
static int read_index(opening *o, int64_t count)
{
    b2_file *file;
    const b2_io *io = o->io;
    b2_buffer_free(&o->bytes);
    o->bytes_count = o->file_bytes = 0;
    o->identity = (b2_identity){0};
    int status = io->identity(io->context, o->path, &o->identity);
    if (status == BLOSC2_OK) status = io->open(io->context, o->path, B2_OPEN_READ_INSIDE, &file);
    if (status == BLOSC2_E_NOT_FOUND) {
        o->identity = (b2_identity){0};
        return blosc2_fail(BLOSC2_E_CORRUPT, "a directory without chunks.b2frame is no sparse frame");
    }
    if (status < 0) return status;
    status = read_bytes(o, file, count);
    io->close(io->context, file);
    return status;
}

/* ------------------------------------------------------------------ from bytes to a super-chunk */

static int load_from(b2_io *memory, const uint8_t *bytes, int64_t count, blosc2_schunk *schunk)
{
    b2_frame_file frame = {.io = memory};
    int status = memory->open(memory->context, NULL, B2_OPEN_NEW, &frame.file);
    if (status < 0) return status;
    status = memory->write(memory->context, frame.file, bytes, (size_t)count, 0);
    if (status == BLOSC2_OK) status = b2_load_frame(&frame, B2_FRAME_SPARSE, schunk);
    if (status == BLOSC2_OK) schunk->files_bytes = frame.header.section_bytes;
    memory->close(memory->context, frame.file);
    b2_frame_file_free(&frame);
    return status;
}

static int load_bytes(const uint8_t *bytes, int64_t count, blosc2_schunk *schunk)
{
    b2_io *memory;
    int status = b2_io_memory_create(&memory);
    if (status < 0) return status;
    b2_layers_free(&schunk->fixed);
    b2_layers_free(&schunk->variable);
    b2_index_free(&schunk->index);
    schunk->is_doubtful = false;
    status = load_from(memory, bytes, count, schunk);
    b2_io_memory_free(memory);
    if (status == BLOSC2_OK) status = b2_index_check_files(&schunk->index);
    schunk->stored_bytes = -1;
    return status;
}

/* The copy's state, without its chunks. */
static int load_copy(const opening *o, blosc2_schunk **out)
{
    int status = b2_schunk_new(BLOSC2_HOME_DIRECTORY, o->schunk->path, out);
    if (status < 0) return status;
    (*out)->max_bytes = o->schunk->max_bytes;
    status = load_bytes(o->copy.bytes.bytes, o->copy.frame_bytes, *out);
    if (status < 0) blosc2_schunk_free(*out);
    return status;
}

/* The files that the copy names. */
static int files_of_copy(const opening *o, b2_file_numbers *files)
{
    blosc2_schunk *flushed;
    int status = load_copy(o, &flushed);
    if (status < 0) return status;
    status = b2_file_numbers_of(&flushed->index, files);
    blosc2_schunk_free(flushed);
    return status;
}

/* ------------------------------------------------------------------ stores */

/* Where they differ in what is in doubt alone, the copy has what was flushed: it is not replaced by that. */
static bool is_same_as_copy(const opening *o)
{
    if (o->copy.state != B2_SPARSE_COPY_WHOLE || o->bytes_count != o->copy.frame_bytes) return false;
    int64_t rest = o->bytes_count - B2_FINGERPRINT_BYTES;
    const uint8_t *index = o->bytes.bytes, *copy = o->copy.bytes.bytes;
    if (o->schunk->seal == BLOSC2_SEAL_LAYERS && rest >= 0)
        return memcmp(index + rest, copy + rest, B2_FINGERPRINT_BYTES) == 0;
    return memcmp(index, copy, (size_t)o->bytes_count) == 0;
}

/* The bytes of `opened` pass to the store. */
static int open_store(const opening *o, b2_opened_directory *opened)
{
    opened->path = o->schunk->path;
    opened->highest = o->highest;
    opened->seal = o->schunk->seal;
    opened->is_doubtful = o->schunk->is_doubtful;
    opened->index = &o->schunk->index;
    opened->identity = o->identity;
    opened->safety = o->schunk->safety;
    int status = b2_store_sparse_open(o->io, opened, &o->schunk->store);
    b2_buffer_free(&opened->bytes);
    b2_file_numbers_free(&opened->flushed);
    return status;
}

static int copy_bytes(const uint8_t *bytes, int64_t count, b2_opened_directory *opened)
{
    int status = b2_buffer_reserve_exactly(&opened->bytes, (size_t)count);
    if (status < 0) return status;
    memcpy(opened->bytes.bytes, bytes, (size_t)count);
    opened->bytes_count = count;
    return BLOSC2_OK;
}

/*
 * The state of the index file. A copy of another state is the last flushed one if all since was written here;
 * if others have written to the directory, what the copy names may be gone, and it is of no use.
 */
static int open_by_index(opening *o, bool *has_older)
{
    b2_opened_directory opened = {.is_copied = is_same_as_copy(o)};
    bool is_ours = o->schunk->seal == BLOSC2_SEAL_WHOLE;
    opened.has_copy = opened.is_copied || (is_ours && o->copy.state == B2_SPARSE_COPY_WHOLE);
    opened.is_proven = opened.has_copy && o->copy.is_in_place;
    *has_older = opened.has_copy && !opened.is_copied;
    int status = copy_bytes(o->bytes.bytes, o->bytes_count, &opened);
    if (status == BLOSC2_OK && opened.is_copied)
        status = b2_file_numbers_of(&o->schunk->index, &opened.flushed);
    if (status == BLOSC2_OK && *has_older) status = files_of_copy(o, &opened.flushed);
    if (status < 0) {
        b2_buffer_free(&opened.bytes);
        b2_file_numbers_free(&opened.flushed);
        return status;
    }
    return open_store(o, &opened);
}

static int open_by_copy(opening *o)
{
    b2_opened_directory opened = {
        .has_copy = true, .is_copied = true, .is_damaged = true, .is_proven = o->copy.is_in_place};
    int status = load_bytes(o->copy.bytes.bytes, o->copy.frame_bytes, o->schunk);
    if (status == BLOSC2_OK) status = copy_bytes(o->copy.bytes.bytes, o->copy.frame_bytes, &opened);
    if (status == BLOSC2_OK) status = b2_file_numbers_of(&o->schunk->index, &opened.flushed);
    if (status < 0) {
        b2_buffer_free(&opened.bytes);
        return status;
    }
    return open_store(o, &opened);
}

static void close_store(blosc2_schunk *schunk)
{
    if (schunk->store) schunk->store->ops->free(schunk->store);
    schunk->store = NULL;
}

/* ------------------------------------------------------------------ recovery */

/* Whether the index file is as it was read. Who writes in place may be caught between two of his writes. */
static bool has_settled(const opening *o)
{
    enum { TRIES = 3 };
    for (int i = 0; i < TRIES; i++) {
        b2_identity now = {0};
        b2_failure failure;
        b2_failure_save(&failure);
        if (o->io->identity(o->io->context, o->path, &now) < 0) now = (b2_identity){0};
        b2_failure_restore(&failure);
        if (!b2_identity_same(&now, &o->identity)) return false;
        if (i + 1 < TRIES) b2_io_sleep(1);
    }
    return true;
}

/* Whether nobody has written to the index file since the copy was made of it, by a clock that tells. */
static bool is_untouched(const opening *o)
{
    b2_identity index = o->copy.index;
    index.device = o->identity.device;
    return o->copy.state == B2_SPARSE_COPY_WHOLE && index.nanoseconds &&
           b2_identity_same(&index, &o->identity);
}

/* Whether fingerprints are the same but for some flipped bits: those of states that differ in a bit do not.
 */
static bool is_near(const uint8_t *a, const uint8_t *b)
{
    enum { FEW = 3 };
    int flipped = 0;
    for (int i = 0; i < B2_FINGERPRINT_BYTES; i++)
        for (int bits = a[i] ^ b[i]; bits; bits &= bits - 1) flipped++;
    return flipped <= FEW;
}

/*
 * Whether a damaged index file is of the copy's state: nobody has written to it since; or their fingerprints
 * are the same, or all else is, and they nearly. Those of different states differ, being checksums of all
 * else.
 */
static bool is_damaged_copy(const opening *o)
{
    if (is_untouched(o)) return true;
    int64_t count = o->copy.frame_bytes, rest = count - B2_FINGERPRINT_BYTES;
    uint32_t flags;
    const uint8_t *copy = o->copy.bytes.bytes, *index = o->bytes.bytes;
    if (o->copy.state != B2_SPARSE_COPY_WHOLE || o->bytes_count < count || o->file_bytes != count || rest < 0)
        return false;
    if (!b2_fingerprint_read(copy + rest, &flags)) return false;
    return memcmp(index + rest, copy + rest, B2_FINGERPRINT_BYTES) == 0 ||
           (memcmp(index, copy, (size_t)rest) == 0 && is_near(index + rest, copy + rest));
}

/* Whether what is left of a cut index file is how the copy begins, its header and more. */
static bool is_start_of_copy(const opening *o)
{
    b2_frame_header header;
    const b2_sparse_copy *copy = &o->copy;
    int64_t count = o->bytes_count;
    if (copy->state != B2_SPARSE_COPY_WHOLE || count != o->file_bytes || count >= copy->frame_bytes ||
        count < B2_FRAME_HEADER_MIN || memcmp(o->bytes.bytes, copy->bytes.bytes, (size_t)count) != 0)
        return false;
    int status = b2_frame_header_parse(copy->bytes.bytes, copy->frame_bytes, B2_FRAME_SPARSE, &header);
    return status == BLOSC2_OK && count >= header.header_bytes;
}

/*
 * Whether a state with the copy's header must be the copy's. All chunks are stored, so that a later one has
 * put a file, as each has a new number, or its sizes are others; and there are no variable-length metalayers
 * that it could have replaced.
 */
static int is_only_state(const opening *o, bool *is_same)
{
    blosc2_schunk *flushed;
    b2_file_numbers files = {0};
    bool has_others = true;
    int status = load_copy(o, &flushed);
    if (status < 0) return status;
    if (flushed->variable.count == 0 && flushed->seal == BLOSC2_SEAL_WHOLE) {
        status = b2_file_numbers_of(&flushed->index, &files);
        if (status == BLOSC2_OK && files.count == flushed->index.count)
            status = b2_sparse_find_others(o->io, o->schunk->path, &files, &has_others);
    }
    *is_same = !has_others;
    b2_file_numbers_free(&files);
    blosc2_schunk_free(flushed);
    return status;
}

/*
 * Whether an index file that was cut was the copy's: all but its fingerprint is there, which is a checksum of
 * that; or its header is, and no other state can have it.
 */
static int is_cut_copy(const opening *o, bool *is_same)
{
    b2_failure failure;
    uint32_t flags;
    *is_same = false;
    if (!is_start_of_copy(o)) return BLOSC2_OK;
    int64_t rest = o->copy.frame_bytes - B2_FINGERPRINT_BYTES;
    *is_same = o->bytes_count >= rest && b2_fingerprint_read(o->copy.bytes.bytes + rest, &flags);
    if (*is_same) return BLOSC2_OK;
    b2_failure_save(&failure);
    int status = is_only_state(o, is_same);
    if (status == BLOSC2_E_MEMORY) return status;
    b2_failure_restore(&failure);
    return BLOSC2_OK;
}

/* An older state is whole, or it is not taken. */
static int open_older(opening *o)
{
    int status = open_by_copy(o);
    if (status == BLOSC2_OK) status = b2_sparse_check_files(o->schunk);
    if (status == BLOSC2_OK)
        o->schunk->recovered = BLOSC2_RECOVERED_OLDER;
    else
        close_store(o->schunk);
    return status;
}

static const char *describe_copy(const opening *o)
{
    return o->copy.state == B2_SPARSE_COPY_MISSING ? "there is no copy of it (chunks.b2frame.copy)"
                                                   : "its copy (chunks.b2frame.copy) is damaged, too";
}

/* @param damage  The status that the index file has given, with its failure set. */
static int recover(opening *o, int damage)
{
    b2_failure failure;
    b2_failure_save(&failure);
    if (!has_settled(o)) return b2_store_changed(o->schunk->path);
    if (o->copy.state != B2_SPARSE_COPY_WHOLE) {
        if (o->identity.number == 0 && o->identity.bytes == 0 && o->copy.state == B2_SPARSE_COPY_MISSING)
            return damage; /* no array at all */
        return blosc2_fail(damage, "chunks.b2frame: %s; %s", failure.message, describe_copy(o));
    }
    int status = BLOSC2_OK;
    if (o->bytes_count != o->copy.frame_bytes && o->file_bytes <= o->copy.frame_bytes)
        status = read_index(o, o->copy.frame_bytes); /* its header does not say how long it is */
    if (status < 0 && !is_damage(status)) return status;
    bool is_damaged = is_damaged_copy(o), is_cut = false;
    if (!is_damaged) status = is_cut_copy(o, &is_cut);
    if (status < 0 && !is_damage(status)) return status;
    bool is_same = is_damaged || is_cut;
    if (!is_same && damage == BLOSC2_E_LIMIT) { /* it may be so rightly: no older state takes its place */
        b2_failure_restore(&failure);
        return damage;
    }
    if (!is_same && o->schunk->is_again)
        return blosc2_fail(
            damage,
            "chunks.b2frame: %s; its copy is of the last flushed state, which is older than what "
            "this handle has: it can be opened anew",
            failure.message);
    status = is_damaged ? open_by_copy(o) : open_older(o);
    if (status == BLOSC2_OK && is_same) o->schunk->recovered = BLOSC2_RECOVERED_COPY;
    if (!is_damage(status)) return status;
    b2_failure second;
    b2_failure_save(&second);
    return blosc2_fail(
        damage,
        "chunks.b2frame: %s; and of the last flushed state, which its copy is of, not all is there "
        "either: %s",
        failure.message, second.message);
}

/* The index names chunks that are not on the medium: after a power cut, that of a state that was not flushed.
 */
static int step_back(opening *o)
{
    if (!has_settled(o)) return b2_store_changed(o->schunk->path);
    close_store(o->schunk);
    /* While that index is there, no new file may be taken for one of those that it lacks. */
    o->highest = b2_index_highest(&o->schunk->index);
    int status = open_older(o);
    if (!is_damage(status)) return status;
    /* The older one is not there any more: what there is of the newer one is more than nothing. */
    bool has_older;
    status = load_bytes(o->bytes.bytes, o->bytes_count, o->schunk);
    return status < 0 ? status : open_by_index(o, &has_older);
}

static int open_checked(opening *o)
{
    bool has_older;
    int64_t lost = -1;
    int status = open_by_index(o, &has_older);
    if (is_damage(status)) return b2_store_changed(o->schunk->path); /* of a copy that has its checksum */
    if (status < 0 || !has_older || o->schunk->is_again) return status;
    const b2_file_numbers *flushed = b2_store_sparse_flushed(o->schunk->store);
    status = b2_sparse_find_lost(o->schunk, flushed, &lost);
    return status < 0 || lost < 0 ? status : step_back(o);
}

/* Whether a sector of the header was never written: it is zeros, and in the copy it is not. */
static bool lacks_sector(const opening *o)
{
    enum { SECTOR_BYTES = 512 };
    static const uint8_t zeros[SECTOR_BYTES];
    b2_frame_header header;
    const uint8_t *index = o->bytes.bytes, *copy = o->copy.bytes.bytes;
    bool has_copy = o->copy.state == B2_SPARSE_COPY_WHOLE &&
                    b2_frame_header_parse(index, o->bytes_count, B2_FRAME_SPARSE, &header) == BLOSC2_OK;
    int64_t stop = has_copy ? b2_min_i64(header.header_bytes, o->copy.frame_bytes) : 0;
    for (int64_t at = 0; at + SECTOR_BYTES <= stop; at += SECTOR_BYTES)
        if (memcmp(index + at, zeros, SECTOR_BYTES) == 0 && memcmp(copy + at, zeros, SECTOR_BYTES) != 0)
            return true;
    return false;
}

/* Whether an index file that could be read is damaged all the same. Metalayers in doubt may be another
 * library's, but where nobody has written to the file. */
static bool is_damage_of_copy(const opening *o)
{
    if (o->schunk->is_doubtful) return is_damaged_copy(o);
    if (o->schunk->seal != BLOSC2_SEAL_LAYERS) return false;
    return is_untouched(o) || lacks_sector(o) || (o->schunk->prefers_copy && is_damaged_copy(o));
}

static int open_directory(opening *o)
{
    int status = read_index(o, 0);
    if (status == BLOSC2_OK) status = load_bytes(o->bytes.bytes, o->bytes_count, o->schunk);
    if (status < 0 && !is_damage(status) && status != BLOSC2_E_IO) return status;
    int copied = b2_sparse_copy_read(o->io, o->schunk->path, o->schunk->max_bytes, &o->copy);
    if (copied < 0) return copied;
    if (status == BLOSC2_E_IO) return is_untouched(o) ? recover(o, status) : status;
    if (status == BLOSC2_OK && is_damage_of_copy(o)) return recover(o, BLOSC2_E_CORRUPT);
    return status < 0 ? recover(o, status) : open_checked(o);
}

int b2_open_sparse(const b2_io *io, blosc2_schunk *schunk)
{
    opening o = {.io = io, .schunk = schunk, .highest = -1};
    o.path = b2_io_join(schunk->path, "/", B2_SPARSE_INDEX_NAME);
    if (!o.path) return BLOSC2_E_MEMORY;
    int status = open_directory(&o);
    if (status == BLOSC2_OK) b2_schunk_probe(schunk);
    b2_free(o.path);
    b2_buffer_free(&o.bytes);
    b2_sparse_copy_free(&o.copy);
    return status;
}
