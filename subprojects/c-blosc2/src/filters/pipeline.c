#include "filters/pipeline.h"

#include <string.h>

#include "filters/bytedelta.h"
#include "filters/delta.h"
#include "filters/kernels.h"
#include "filters/truncate.h"

static bool is_truncation(uint8_t code)
{
    return code == BLOSC2_TRUNC_PREC || code == BLOSC2_INT_TRUNC;
}

static bool is_known(uint8_t code)
{
    return code <= BLOSC2_TRUNC_PREC || code == BLOSC2_BYTEDELTA || code == BLOSC2_INT_TRUNC;
}

/** Bytes per item for shuffle (filters.md 1), rows for bytedelta (6); at most 0 when not known. */
static int32_t width_of(const b2_pipeline *pipeline, int slot)
{
    if (pipeline->metas[slot] != 0) return pipeline->metas[slot];
    return pipeline->codes[slot] == BLOSC2_BYTEDELTA ? pipeline->frame_item_bytes : pipeline->item_bytes;
}

/** True if the slot changes no byte, whatever the block: it is empty, or a shuffle of single bytes. */
static bool is_idle(const b2_pipeline *pipeline, int slot)
{
    uint8_t code = pipeline->codes[slot];
    return code == BLOSC2_NOFILTER || (code == BLOSC2_SHUFFLE && width_of(pipeline, slot) == 1);
}

/** The same for the backward direction, where truncations do nothing. */
static bool is_idle_backward(const b2_pipeline *pipeline, int slot)
{
    return is_idle(pipeline, slot) || is_truncation(pipeline->codes[slot]);
}

/* ------------------------------------------------------------------ checks */

/** What reading and writing have in common; `status` is what a wrong parameter means. */
static int check_parameters(const b2_pipeline *pipeline, int status)
{
    if (pipeline->item_bytes < 1 || pipeline->item_bytes > 255) {
        return blosc2_fail(status, "filters: item size %d (expected 1..255)", (int)pipeline->item_bytes);
    }
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        if (pipeline->codes[slot] == BLOSC2_BYTEDELTA && width_of(pipeline, slot) < 1) {
            return blosc2_fail(status,
                               "filter BYTEDELTA in slot %d: parameter 0 needs a frame's item size, not %d "
                               "(expected >= 1)",
                               slot, (int)pipeline->frame_item_bytes);
        }
    }
    return BLOSC2_OK;
}

int b2_pipeline_check(const b2_pipeline *pipeline)
{
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        uint8_t code = pipeline->codes[slot];
        if (!is_known(code)) {
            return blosc2_fail(BLOSC2_E_UNSUPPORTED,
                               "filter %d in slot %d is not supported (expected 0..4, 35 or 36)", code, slot);
        }
    }
    return check_parameters(pipeline, BLOSC2_E_CORRUPT);
}

/** Delta must see what a reader will have as block 0, and be undone last: filters.md 4, writer rules. */
static int check_delta_place(const b2_pipeline *pipeline)
{
    int lowest = -1;
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        uint8_t code = pipeline->codes[slot];
        if (code == BLOSC2_NOFILTER) continue;
        if (lowest < 0) lowest = slot;
        if (code == BLOSC2_DELTA && slot != lowest) {
            return blosc2_fail(BLOSC2_E_ARGUMENT,
                               "filter DELTA in slot %d (expected the lowest used slot, %d)", slot, lowest);
        }
        if (is_truncation(code) && pipeline->codes[lowest] == BLOSC2_DELTA) {
            return blosc2_fail(BLOSC2_E_ARGUMENT,
                               "filter %d in slot %d truncates (expected no truncation together with DELTA)",
                               code, slot);
        }
    }
    return BLOSC2_OK;
}

int b2_pipeline_check_writing(const b2_pipeline *pipeline)
{
    int status = check_parameters(pipeline, BLOSC2_E_ARGUMENT);
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS && status == BLOSC2_OK; slot++) {
        uint8_t code = pipeline->codes[slot];
        int dropped;
        if (!is_known(code)) {
            status =
                blosc2_fail(BLOSC2_E_ARGUMENT, "filter %d in slot %d (expected 0..4, 35 or 36)", code, slot);
        } else if (is_truncation(code)) {
            status = b2_truncate_bits(code, pipeline->item_bytes, pipeline->metas[slot], &dropped);
        }
    }
    return status == BLOSC2_OK ? check_delta_place(pipeline) : status;
}

bool b2_pipeline_has_delta(const b2_pipeline *pipeline)
{
    return memchr(pipeline->codes, BLOSC2_DELTA, BLOSC2_MAX_FILTERS) != NULL;
}

int32_t b2_pipeline_planes(const b2_pipeline *pipeline)
{
    int32_t planes = 1;
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        if (is_idle_backward(pipeline, slot)) continue;
        if (pipeline->codes[slot] != BLOSC2_SHUFFLE || planes != 1) return 0;
        planes = width_of(pipeline, slot);
    }
    return planes;
}

bool b2_pipeline_is_identity_backward(const b2_pipeline *pipeline)
{
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        if (!is_idle_backward(pipeline, slot)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ one filter */

/** Blosc1 leaves a block alone if its items do not make whole groups of 8 (filters.md 3). */
static bool is_left_alone(const b2_pipeline *pipeline, size_t bytes)
{
    return pipeline->chunk_version == 2 && bytes / (size_t)pipeline->item_bytes % 8 != 0;
}

static void apply(const b2_pipeline *pipeline, int slot, const uint8_t *in, uint8_t *out, size_t bytes,
                  const uint8_t *reference)
{
    int32_t item_bytes = pipeline->item_bytes;
    int dropped = 0;
    switch (pipeline->codes[slot]) {
    case BLOSC2_SHUFFLE:
        b2_kernels_get()->shuffle(in, out, bytes, (size_t)width_of(pipeline, slot));
        break;
    case BLOSC2_BITSHUFFLE:
        if (is_left_alone(pipeline, bytes)) {
            memcpy(out, in, bytes);
        } else {
            b2_kernels_get()->bitshuffle(in, out, bytes, (size_t)item_bytes);
        }
        break;
    case BLOSC2_DELTA:
        b2_delta(in, out, bytes, item_bytes, reference);
        break;
    case BLOSC2_BYTEDELTA:
        b2_bytedelta(in, out, bytes, (size_t)width_of(pipeline, slot));
        break;
    default: /* a truncation; the parameters are checked */
        b2_truncate_bits(pipeline->codes[slot], item_bytes, pipeline->metas[slot], &dropped);
        b2_truncate(in, out, bytes, item_bytes, dropped);
    }
}

/** True for filters that need another place for their result when undone. */
static bool moves_bytes(uint8_t code)
{
    return code == BLOSC2_SHUFFLE || code == BLOSC2_BITSHUFFLE;
}

/** `out` may be `in` for filters that do not move bytes. */
static void undo(const b2_pipeline *pipeline, int slot, const uint8_t *in, uint8_t *out, size_t bytes,
                 const uint8_t *reference)
{
    int32_t item_bytes = pipeline->item_bytes;
    switch (pipeline->codes[slot]) {
    case BLOSC2_SHUFFLE:
        b2_kernels_get()->unshuffle(in, out, bytes, (size_t)width_of(pipeline, slot));
        break;
    case BLOSC2_BITSHUFFLE:
        if (is_left_alone(pipeline, bytes)) {
            memcpy(out, in, bytes);
        } else {
            b2_kernels_get()->bitunshuffle(in, out, bytes, (size_t)item_bytes);
        }
        break;
    case BLOSC2_DELTA:
        b2_undo_delta(in, out, bytes, item_bytes, reference);
        break;
    default:
        b2_undo_bytedelta(in, out, bytes, (size_t)width_of(pipeline, slot));
    }
}

/* ------------------------------------------------------------------ all filters */

const uint8_t *b2_pipeline_forward(const b2_pipeline *pipeline, const uint8_t *in, int32_t bytes,
                                   const uint8_t *reference, uint8_t *a, uint8_t *b)
{
    const uint8_t *from = in;
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        if (is_idle(pipeline, slot)) continue;
        uint8_t *to = from == a ? b : a;
        apply(pipeline, slot, from, to, (size_t)bytes, reference);
        from = to;
    }
    return from;
}

/** The slot from which on, going down, all results are in `out`: that of the last filter to move bytes. */
static int landing_slot(const b2_pipeline *pipeline)
{
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        if (!is_idle_backward(pipeline, slot) && moves_bytes(pipeline->codes[slot])) return slot;
    }
    return BLOSC2_MAX_FILTERS - 1;
}

void b2_pipeline_backward(const b2_pipeline *pipeline, uint8_t *in, int32_t bytes, const uint8_t *reference,
                          uint8_t *out, uint8_t *scratch)
{
    int landing = landing_slot(pipeline);
    uint8_t *from = in;
    for (int slot = BLOSC2_MAX_FILTERS - 1; slot >= 0; slot--) {
        if (is_idle_backward(pipeline, slot)) continue;
        uint8_t *to = from;
        if (slot <= landing) {
            to = out;
        } else if (moves_bytes(pipeline->codes[slot])) {
            to = from == in ? scratch : in;
        }
        undo(pipeline, slot, from, to, (size_t)bytes, reference);
        from = to;
    }
    if (from == in && bytes > 0) memcpy(out, in, (size_t)bytes);
}
