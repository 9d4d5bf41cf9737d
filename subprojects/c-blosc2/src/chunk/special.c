#include "chunk/special.h"

#include <string.h>

#include "chunk/header.h"

/* Repeat `value` over `out`, beginning inside of it at `phase`; doubles what is there already. */
static void repeat(const uint8_t *value, size_t value_bytes, size_t phase, uint8_t *out, size_t bytes)
{
    if (value_bytes == 1) {
        memset(out, value[0], bytes);
        return;
    }
    size_t done = bytes < value_bytes ? bytes : value_bytes;
    size_t first = value_bytes - phase < done ? value_bytes - phase : done;
    memcpy(out, value + phase, first);
    memcpy(out + first, value, done - first);
    while (done < bytes) {
        size_t more = bytes - done < done ? bytes - done : done;
        memcpy(out + done, out, more);
        done += more;
    }
}

void b2_special_fill(const blosc2_view *view, int32_t position, uint8_t *out, int32_t bytes)
{
    static const uint8_t nan4[4] = {0, 0, 0xc0, 0x7f};
    static const uint8_t nan8[8] = {0, 0, 0, 0, 0, 0, 0xf8, 0x7f};
    size_t value_bytes;
    const uint8_t *value;
    switch (view->special) {
    case BLOSC2_SPECIAL_NAN:
        value_bytes = (size_t)view->item_bytes;
        value = value_bytes == 4 ? nan4 : nan8;
        break;
    case BLOSC2_SPECIAL_VALUE:
        value_bytes = (size_t)(view->cbytes - view->header_bytes);
        value = view->bytes + view->header_bytes;
        break;
    default:
        memset(out, 0, (size_t)bytes);
        return;
    }
    repeat(value, value_bytes, (size_t)position % value_bytes, out, (size_t)bytes);
}

int blosc2_special_chunk(int special, int32_t item_bytes, int32_t nbytes, int32_t block_bytes,
                         const void *value, int32_t value_bytes, uint8_t *out)
{
    if (special < BLOSC2_SPECIAL_ZEROS || special > BLOSC2_SPECIAL_UNINIT)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "special value kind: %d (expected 1..4)", special);
    if ((special == BLOSC2_SPECIAL_VALUE) != (value_bytes > 0) || value_bytes < 0 || nbytes < 1 ||
        block_bytes < 1 || (value_bytes && (nbytes % value_bytes || block_bytes % value_bytes)))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "special chunk: value of %d bytes in %d bytes of blocks of %d",
                           value_bytes, nbytes, block_bytes);
    if (special == BLOSC2_SPECIAL_NAN && ((item_bytes != 4 && item_bytes != 8) || nbytes % item_bytes))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "NaN chunk: item size %d (expected 4 or 8)", item_bytes);
    b2_header header = {.flags31 = (uint8_t)(special << B2_FLAG31_SPECIAL_SHIFT),
                        .item_bytes = item_bytes,
                        .nbytes = nbytes,
                        .block_bytes = block_bytes < nbytes ? block_bytes : nbytes,
                        .cbytes = B2_HEADER_EXTENDED + value_bytes};
    b2_header_write(&header, out);
    if (value_bytes) memcpy(out + B2_HEADER_EXTENDED, value, (size_t)value_bytes);
    return BLOSC2_OK;
}
