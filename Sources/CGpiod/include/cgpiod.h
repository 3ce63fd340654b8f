#ifndef CGPIOD_H
#define CGPIOD_H

// GPIO lines of this box, one at a time. Lines are found, described and watched through libgpiod, of
// version 1 or 2. Outputs are plain descriptors of the kernel's GPIO interface (<linux/gpio.h>, version 2,
// Linux 5.10 or later): such a descriptor can outlive the process, an object of the library cannot.

enum { CGPIOD_NAME = 64 };

struct cgpiod_place {
    // The path of the chip: /dev/gpiochip0.
    char chip[CGPIOD_NAME];
    unsigned offset;
};

struct cgpiod_holder {
    // What the program that holds a line calls itself, empty where it does not say.
    char name[CGPIOD_NAME];
};

struct cgpiod_edge {
    // The level that the line has after it, active-low applied.
    int is_active;
    // CLOCK_MONOTONIC, as the kernel noted it.
    long long at_nanoseconds;
};

// Finds a line by its name (as gpioinfo shows it). 1 when it is found, 0 when no chip has it, -1 with errno.
int cgpiod_find(const char *name, struct cgpiod_place *place);

// 0, or -1 with errno (EINVAL: the chip has no such line).
int cgpiod_find_holder(const struct cgpiod_place *place, struct cgpiod_holder *holder);

// Takes a line as it is, neither its direction nor its level is changed. The descriptor, or -1 with errno
// (EBUSY: somebody holds it). The kernel lets go of the line when its last descriptor is closed.
int cgpiod_take(const struct cgpiod_place *place, int is_active_low, const char *consumer);

// The level of a taken line, active-low applied: 1, 0, or -1 with errno.
int cgpiod_level(int descriptor);

// Makes a taken line an output of this level in one step. 0, or -1 with errno.
int cgpiod_drive(int descriptor, int is_active_low, int is_active);

struct cgpiod_input;

// Takes a line as an input and has its edges noted. NULL with errno.
struct cgpiod_input *cgpiod_watch(const struct cgpiod_place *place, int is_active_low, const char *consumer);

// Its descriptor can be read when edges wait.
int cgpiod_input_descriptor(const struct cgpiod_input *input);

// 1, 0, or -1 with errno.
int cgpiod_input_level(struct cgpiod_input *input);

// Takes the next edge that waits; blocks where none does. 0, or -1 with errno.
int cgpiod_input_edge(struct cgpiod_input *input, struct cgpiod_edge *edge);

void cgpiod_input_release(struct cgpiod_input *input);

// As the library says it: "1.6.3".
const char *cgpiod_version(void);

#endif
