/** Entries of the chunk index, and how many there are: docs/format/frame-format.md 3. */
#include "base/checked.h"
#include "frame/frame.h"

enum { KIND_SHIFT = 56 };

int64_t b2_index_special(int special)
{
    return INT64_MIN + ((int64_t)special << KIND_SHIFT);
}

int b2_index_special_kind(int64_t entry)
{
    static const int KINDS[] = {BLOSC2_SPECIAL_ZEROS, BLOSC2_SPECIAL_NAN, BLOSC2_SPECIAL_UNINIT};
    for (size_t i = 0; i < B2_COUNT(KINDS); i++) {
        if (entry == b2_index_special(KINDS[i])) return KINDS[i];
    }
    return BLOSC2_SPECIAL_NONE;
}

int64_t b2_frame_chunk_count(const b2_frame_header *header)
{
    if (header->nbytes == 0) return 0;
    return header->chunk_bytes > 0 ? b2_ceil_div(header->nbytes, header->chunk_bytes) : -1;
}

int32_t b2_frame_chunk_nbytes(const b2_frame_header *header, int64_t chunk, int64_t count)
{
    int32_t rest = (int32_t)(header->nbytes % header->chunk_bytes);
    return chunk == count - 1 && rest > 0 ? rest : header->chunk_bytes;
}
