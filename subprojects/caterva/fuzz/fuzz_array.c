/** The input is an array in a frame; its bytes from the end on also choose slices. Built by ci/fuzz. */
#include "exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    caterva_array *array;
    if (caterva_array_from_bytes(data, size, &array) < 0) return 0;
    exercise(array, data, size);
    caterva_array_free(array);
    return 0;
}
