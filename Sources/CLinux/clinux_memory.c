#include "clinux_memory.h"

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void clinux_bound_heap(void) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 2);
    // Setting it also keeps glibc from raising it after a large block was freed, with the threshold of mmap.
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

void clinux_give_back_heap(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
