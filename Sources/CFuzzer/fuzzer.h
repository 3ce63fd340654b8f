// The entry of libFuzzer (compiler-rt); see https://llvm.org/docs/LibFuzzer.html, "using libFuzzer as a library".
#ifndef MK_FUZZER_H
#define MK_FUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

#endif
