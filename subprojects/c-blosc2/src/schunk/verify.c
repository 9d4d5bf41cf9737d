/** Checking all that is stored, and giving checksums to what has none. */
#include <string.h>

#include "base/checked.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "chunk/view.h"
#include "chunk/workspace.h"
#include "schunk/overlap.h"
#include "schunk/schunk.h"

/* ------------------------------------------------------------------ one chunk */

typedef struct verify_job {
    int64_t chunk;
    int64_t expected; /* blocks */
    blosc2_view view;
    const uint8_t *postscript; /* behind the chunk; NULL: none */
    b2_tag tag;
    blosc2_workspace *workspace;
    blosc2_bad_fn *bad;
    void *context;
    blosc2_verdict verdict;
    bool is_unsupported; /* some block takes what is not built in */
} verify_job;

/* Blocks of a chunk that cannot be looked into. */
static int64_t expected_blocks(const blosc2_schunk *schunk, int64_t chunk)
{
    if (schunk->chunk_bytes <= 0 || schunk->block_bytes <= 0) return 1;
    int32_t nbytes = b2_schunk_fixed_nbytes(schunk, chunk);
    return nbytes / schunk->block_bytes + (nbytes % schunk->block_bytes != 0);
}

/* True if what lies behind the chunk is its own, as far as its header goes. */
static bool has_own_postscript(const blosc2_view *view, const uint8_t *postscript)
{
    return postscript && b2_postscript_is_intact(postscript, (size_t)b2_postscript_bytes(view)) &&
           b2_postscript_check_head(view, postscript) == BLOSC2_OK;
}

/* Tell of a bad block by this thread's last failure. @param blocks How many that makes. */
static void condemn(verify_job *job, int32_t block, int64_t blocks)
{
    const blosc2_bad bad = {job->chunk, block, job->view.block_bytes, blosc2_last_error()};
    job->bad(job->context, &bad);
    job->verdict.bad += blocks;
}

/* What no block shows: a start that leads to an equal block, and damage of the checksums themselves. */
static int check_rest(const blosc2_view *view, const uint8_t *postscript)
{
    int status = b2_postscript_check_tables(view, postscript);
    if (status == BLOSC2_OK && !b2_postscript_is_intact(postscript, (size_t)b2_postscript_bytes(view)))
        status = blosc2_fail(BLOSC2_E_CORRUPT, "the checksums behind the chunk are damaged themselves");
    return status;
}

/* A chunk that must have checksums. */
static void compare(verify_job *job)
{
    const blosc2_view *view = &job->view;
    bool each = b2_postscript_count(view) > 1;
    int status = BLOSC2_OK;
    if (!job->postscript) status = blosc2_fail(BLOSC2_E_CORRUPT, "no room for checksums behind the chunk");
    if (status == BLOSC2_OK) status = b2_postscript_check_head(view, job->postscript);
    if (status == BLOSC2_OK && job->tag.bytes)
        status = b2_postscript_check_tag(view, job->postscript, job->tag.bytes, job->tag.crc);
    if (status < 0) {
        condemn(job, -1, job->expected);
        return;
    }
    for (int32_t i = 0; i < view->block_count && (each || i == 0); i++) {
        if (b2_postscript_check_block(view, job->postscript, i) < 0)
            condemn(job, each ? i : -1, each ? 1 : view->block_count);
    }
    if (!job->verdict.bad && check_rest(view, job->postscript) < 0) condemn(job, -1, view->block_count);
    job->verdict.verified = view->block_count - job->verdict.bad;
}

/* Decode each block of a chunk without checksums. */
static int decode(verify_job *job)
{
    const blosc2_view *view = &job->view;
    b2_buffer *out = &job->workspace->block;
    bool whole = view->vl_blocks;
    int status = BLOSC2_OK;
    if (b2_view_is_regular(view))
        status = b2_buffer_reserve(out, (size_t)(whole ? view->nbytes : view->block_bytes));
    for (int32_t i = 0; i < view->block_count && b2_view_is_regular(view) && status != BLOSC2_E_MEMORY; i++) {
        if (blosc2_check_interrupt() < 0) return BLOSC2_E_INTERRUPTED;
        status = whole ? blosc2_view_decode(view, out->bytes, job->workspace)
                       : blosc2_view_decode_block(view, i, out->bytes, job->workspace);
        if (status == BLOSC2_E_CORRUPT || status == BLOSC2_E_CODEC)
            condemn(job, whole ? -1 : i, whole ? view->block_count : 1);
        if (status == BLOSC2_E_UNSUPPORTED) job->is_unsupported = true;
        if (whole) break;
    }
    job->verdict.unverified = view->block_count - job->verdict.bad;
    return status == BLOSC2_E_MEMORY ? status : BLOSC2_OK;
}

/* True if it has its own postscript, and is what that says. */
static bool matches_own_postscript(const blosc2_view *view, const uint8_t *postscript)
{
    return has_own_postscript(view, postscript) && b2_postscript_check(view, postscript) == BLOSC2_OK;
}

static void ignore_bad(void *context, const blosc2_bad *bad)
{
    (void)context;
    (void)bad;
}

int b2_schunk_vouch(const blosc2_view *view, const uint8_t *postscript, blosc2_workspace *workspace)
{
    verify_job job = {.view = *view, .workspace = workspace, .bad = ignore_bad};
    if (matches_own_postscript(view, postscript)) return BLOSC2_OK;
    int status = decode(&job);
    if (status < 0) return status;
    if (job.verdict.bad) return BLOSC2_E_CORRUPT;
    return job.is_unsupported ? BLOSC2_E_UNSUPPORTED : BLOSC2_OK;
}

/* The tag of a chunk that has its postscript. */
static b2_tag own_tag(const verify_job *job)
{
    const b2_stored stored = {job->view.bytes, job->view.cbytes, job->postscript,
                              b2_postscript_bytes(&job->view)};
    return b2_stored_tag(&stored);
}

static int check_stored(const blosc2_schunk *schunk, verify_job *job)
{
    if (b2_schunk_is_sealed(schunk)) {
        compare(job);
        return BLOSC2_OK;
    }
    if (!matches_own_postscript(&job->view, job->postscript)) return decode(job);
    b2_tag right = own_tag(job);
    bool is_other = job->tag.bytes && (job->tag.bytes != right.bytes || job->tag.crc != right.crc);
    if (is_other) return decode(job); /* a chunk that is whole, and not the one that was put there last */
    job->verdict.verified = job->view.block_count;
    return BLOSC2_OK;
}

static int check_chunk(const blosc2_schunk *schunk, verify_job *job)
{
    job->expected = expected_blocks(schunk, job->chunk);
    job->tag = b2_index_tag(&schunk->index, job->chunk);
    int status = b2_schunk_view_unverified(schunk, job->chunk, job->workspace, &job->view, &job->postscript);
    if (status == BLOSC2_E_CORRUPT) {
        job->view = (blosc2_view){0};
        condemn(job, -1, job->expected);
        status = BLOSC2_OK;
    } else if (status == BLOSC2_E_UNSUPPORTED) {
        job->verdict.unverified = job->expected;
        status = BLOSC2_OK;
    } else if (status == BLOSC2_OK) {
        status = check_stored(schunk, job);
    }
    if (job->verdict.bad && blosc2_schunk_explain(schunk, BLOSC2_E_CORRUPT) == BLOSC2_E_CHANGED)
        return BLOSC2_E_CHANGED;
    return status < 0 ? blosc2_schunk_fail_within(schunk, job->chunk, status) : BLOSC2_OK;
}

/* Chunks that the index alone knows, whose checksum was compared when the frame was opened. */
static void skip_specials(const blosc2_schunk *schunk, int64_t *next, blosc2_verdict *verdict)
{
    enum { MOST = 1 << 16 }; /* at once: the caller may want to stop */
    int64_t start = *next, stop = schunk->index.count, blocks;
    if (schunk->index.entries) {
        stop = b2_min_i64(stop, start + MOST);
        while (*next < stop && schunk->index.entries[*next] < 0) (*next)++;
    } else if (schunk->index.uniform < 0) {
        *next = stop;
    }
    if (*next == start) return;
    blocks = (*next - start - 1) * expected_blocks(schunk, start) + expected_blocks(schunk, *next - 1);
    if (schunk->seal == BLOSC2_SEAL_NONE)
        verdict->unverified += blocks;
    else
        verdict->verified += blocks;
}

typedef struct overlap_job {
    const blosc2_schunk *schunk;
    verify_job *job;
} overlap_job;

/* Both are in doubt: what is written to one of them was, or would be, taken from the other. */
static void condemn_overlap(void *context, int64_t chunk, int64_t other)
{
    const overlap_job *overlap = context;
    verify_job *job = overlap->job;
    const int64_t pair[] = {chunk, other};
    for (int i = 0; i < 2; i++) {
        blosc2_fail(BLOSC2_E_CORRUPT, "chunk: it shares bytes with chunk %lld", (long long)pair[1 - i]);
        job->chunk = pair[i];
        job->view = (blosc2_view){.block_bytes = overlap->schunk->block_bytes};
        condemn(job, -1, expected_blocks(overlap->schunk, pair[i]));
    }
}

/* Once, when all chunks have been looked at one by one. */
static int check_overlaps(const blosc2_schunk *schunk, verify_job *job)
{
    overlap_job overlap = {schunk, job};
    job->verdict = (blosc2_verdict){0};
    return b2_schunk_find_overlaps(schunk, condemn_overlap, &overlap);
}

int blosc2_schunk_verify(const blosc2_schunk *schunk, int64_t *next, blosc2_workspace *workspace,
                         blosc2_bad_fn *bad, void *context, blosc2_verdict *verdict)
{
    if (*next < 0)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk: %lld (expected 0 or more)", (long long)*next);
    if (*next > schunk->index.count) *next = schunk->index.count; /* it has fewer by now */
    verify_job job = {.workspace = workspace, .bad = bad, .context = context};
    skip_specials(schunk, next, verdict);
    int status = BLOSC2_OK;
    bool is_stored = *next < schunk->index.count && b2_index_get(&schunk->index, *next) >= 0;
    if (is_stored) {
        job.chunk = *next;
        status = check_chunk(schunk, &job);
        (*next)++;
    }
    if (status < 0) return status;
    verdict->verified += job.verdict.verified;
    verdict->unverified += job.verdict.unverified;
    verdict->bad += job.verdict.bad;
    if (*next < schunk->index.count) return BLOSC2_OK;
    status = check_overlaps(schunk, &job);
    verdict->bad += job.verdict.bad;
    return status;
}

/* ------------------------------------------------------------------ all of them */

/* Store a chunk anew, with its postscript. The view may lie where the store writes to. */
static int store_again(blosc2_schunk *schunk, int64_t chunk, const blosc2_view *view, b2_buffer *copy)
{
    int status = b2_buffer_reserve(copy, (size_t)view->cbytes);
    if (status < 0) return status;
    memcpy(copy->bytes, view->bytes, (size_t)view->cbytes);
    return blosc2_schunk_set_chunk(schunk, chunk, copy->bytes, view->cbytes);
}

/* What a chunk says of itself is sealed: what the tag says that was there need not be the same. */
static int correct_tag(blosc2_schunk *schunk, int64_t chunk, b2_tag right)
{
    b2_tag tag = b2_index_tag(&schunk->index, chunk);
    if (tag.bytes == right.bytes && tag.crc == right.crc) return BLOSC2_OK;
    int status = b2_index_expand(&schunk->index);
    if (status == BLOSC2_OK) b2_index_set(&schunk->index, chunk, b2_index_get(&schunk->index, chunk), right);
    return status;
}

static int adopt_chunk(blosc2_schunk *schunk, int64_t chunk, blosc2_workspace *workspace, b2_buffer *copy)
{
    verify_job job = {.chunk = chunk, .workspace = workspace, .bad = ignore_bad};
    if (b2_index_get(&schunk->index, chunk) < 0) return BLOSC2_OK;
    int status = check_chunk(schunk, &job);
    if (status == BLOSC2_OK && job.verdict.bad) return b2_schunk_blame(schunk, chunk, BLOSC2_E_CORRUPT);
    if (status < 0 || (b2_schunk_is_sealed(schunk) && !job.verdict.unverified)) return status;
    status = b2_schunk_view_unverified(schunk, chunk, workspace, &job.view, &job.postscript);
    if (status < 0) return status;
    if (matches_own_postscript(&job.view, job.postscript)) return correct_tag(schunk, chunk, own_tag(&job));
    status = correct_tag(schunk, chunk, (b2_tag){0}); /* how much of the file it takes is not known */
    return status < 0 ? status : store_again(schunk, chunk, &job.view, copy);
}

static int adopt_all(blosc2_schunk *schunk, blosc2_workspace *workspace, b2_buffer *copy,
                     blosc2_progress_fn *progress, void *context)
{
    int status = BLOSC2_OK;
    int64_t count = schunk->index.count;
    bool stored = schunk->index.entries != NULL || schunk->index.uniform >= 0;
    for (int64_t i = 0; i < count && stored && status == BLOSC2_OK; i++) {
        status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = adopt_chunk(schunk, i, workspace, copy);
        if (status == BLOSC2_OK && progress) status = progress(context, i + 1, count);
    }
    return status;
}

int blosc2_schunk_adopt(blosc2_schunk *schunk, blosc2_progress_fn *progress, void *context)
{
    if (!schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "super-chunk: no change was begun");
    if (schunk->home == BLOSC2_HOME_MEMORY)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "adopt: chunks in memory have no checksums");
    if (schunk->seal == BLOSC2_SEAL_WHOLE) return BLOSC2_OK;
    blosc2_workspace *workspace;
    b2_buffer copy = {0};
    int status = blosc2_workspace_create(&workspace);
    if (status < 0) return status;
    if (schunk->seal == BLOSC2_SEAL_NONE) schunk->seal = BLOSC2_SEAL_BROKEN; /* what is put has postscripts */
    status = adopt_all(schunk, workspace, &copy, progress, context);
    b2_buffer_free(&copy);
    blosc2_workspace_free(workspace);
    if (status < 0) return status;
    schunk->seal = BLOSC2_SEAL_WHOLE;
    schunk->verifies = schunk->safety.checksums == BLOSC2_CHECKSUMS_ON;
    schunk->is_changed = true;
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ after opening */

int b2_schunk_check_whole(const blosc2_schunk *schunk)
{
    int status = BLOSC2_OK;
    const b2_index *index = &schunk->index;
    for (int64_t i = 0; i < index->count && index->entries && schunk->verifies && status == BLOSC2_OK; i++) {
        const int32_t none = 0;
        blosc2_view view;
        if (index->entries[i] < 0) continue;
        status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = blosc2_schunk_view(schunk, i, &none, 0, schunk->workspace, &view);
    }
    return status;
}

/* True if behind a stored chunk lies a postscript of any chunk. */
static bool has_postscript(const blosc2_schunk *schunk, int64_t location, b2_buffer *buffer)
{
    uint8_t header[B2_HEADER_EXTENDED];
    const b2_store_ops *ops = schunk->store->ops;
    blosc2_view view;
    int64_t room;
    if (ops->room(schunk->store, location, &room) < 0 || room < (int64_t)sizeof header) return false;
    if (ops->read(schunk->store, location, 0, header, sizeof header) < 0) return false;
    if (b2_header_parse(header, sizeof header, room, &view) < 0) return false;
    int64_t rest = room - view.cbytes;
    uint8_t start[B2_POSTSCRIPT_MIN];
    if (rest < B2_POSTSCRIPT_MIN) return false;
    if (ops->read(schunk->store, location, view.cbytes, start, sizeof start) < 0) return false;
    int64_t bytes = b2_postscript_stated_bytes(start);
    if (bytes == 0 || bytes > rest || b2_buffer_reserve(buffer, (size_t)bytes) < 0) return false;
    if (ops->read(schunk->store, location, view.cbytes, buffer->bytes, (size_t)bytes) < 0) return false;
    return b2_postscript_is_intact(buffer->bytes, (size_t)bytes);
}

/* Look behind stored chunks at first, last, and between. */
static bool find_postscript(const blosc2_schunk *schunk)
{
    enum { PROBES = 4 };
    const b2_index *index = &schunk->index;
    int64_t count = index->entries ? index->count : b2_min_i64(index->count, 1), seen = -1;
    b2_buffer buffer = {0};
    bool found = false;
    for (int i = 0; i < PROBES && count > 0 && !found; i++) {
        int64_t chunk = b2_max_i64((count - 1) * i / (PROBES - 1), seen + 1);
        while (chunk < count && b2_index_get(index, chunk) < 0) chunk++;
        if (chunk == count) break;
        found = has_postscript(schunk, b2_index_get(index, chunk), &buffer);
        seen = chunk;
    }
    b2_buffer_free(&buffer);
    return found;
}

void b2_schunk_probe(blosc2_schunk *schunk)
{
    bool remote = schunk->own_io && schunk->mode == BLOSC2_READ; /* a request costs more than it is worth */
    bool on = schunk->safety.checksums == BLOSC2_CHECKSUMS_ON;
    if (schunk->seal == BLOSC2_SEAL_NONE && on && !remote && find_postscript(schunk))
        schunk->seal = BLOSC2_SEAL_BROKEN;
}
