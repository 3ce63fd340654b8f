#ifndef CLINUX_MEMORY_H
#define CLINUX_MEMORY_H

// Keeps the heap of a program with many threads and little to do small (mallopt(3)): two arenas instead of
// eight a processor, and what is free at their ends goes back to the kernel. For the start of main, before
// other threads run. Does nothing where the C library is not glibc.
void clinux_bound_heap(void);

// Gives the kernel every page of the heap that holds nothing (malloc_trim(3)). Takes milliseconds.
void clinux_give_back_heap(void);

#endif
