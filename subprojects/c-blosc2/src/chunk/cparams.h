/** Decisions that follow from compression parameters alone. */
#ifndef B2_CHUNK_CPARAMS_H
#define B2_CHUNK_CPARAMS_H

#include "blosc2.h"
#include "filters/pipeline.h"

/** True if blocks of this size are split into one stream per byte of the item (chunk-format.md 9). */
bool b2_cparams_split(const blosc2_cparams *cparams, int32_t block_bytes);

/** The pipeline that writes these parameters' chunks. */
b2_pipeline b2_cparams_pipeline(const blosc2_cparams *cparams);

#endif
