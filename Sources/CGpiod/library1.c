// libgpiod 1.6, as Debian 12 has it.
#include <gpiod.h>

#ifdef GPIOD_LINE_BULK_MAX_LINES

#include "cgpiod.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct cgpiod_input {
    struct gpiod_chip *chip;
    struct gpiod_line *line;
};

int cgpiod_find(const char *name, struct cgpiod_place *place) {
    struct gpiod_chip_iter *chips = gpiod_chip_iter_new();
    if (chips == NULL) return errno == ENOENT ? 0 : -1;
    int found = 0;
    struct gpiod_chip *chip;
    while (!found && (chip = gpiod_chip_iter_next(chips)) != NULL) {
        struct gpiod_line *line = gpiod_chip_find_line(chip, name);
        if (line == NULL) continue;
        snprintf(place->chip, sizeof place->chip, "/dev/%s", gpiod_chip_name(chip));
        place->offset = gpiod_line_offset(line);
        found = 1;
    }
    gpiod_chip_iter_free(chips);
    return found;
}

// On failure nothing is open and errno says why.
static struct gpiod_line *open_line(const struct cgpiod_place *place, struct gpiod_chip **chip) {
    *chip = gpiod_chip_open(place->chip);
    if (*chip == NULL) return NULL;
    struct gpiod_line *line = gpiod_chip_get_line(*chip, place->offset);
    if (line != NULL) return line;
    int reason = errno;
    gpiod_chip_close(*chip);
    errno = reason;
    return NULL;
}

int cgpiod_find_holder(const struct cgpiod_place *place, struct cgpiod_holder *holder) {
    struct gpiod_chip *chip;
    struct gpiod_line *line = open_line(place, &chip);
    if (line == NULL) return -1;
    const char *consumer = gpiod_line_consumer(line);
    snprintf(holder->name, sizeof holder->name, "%s", consumer == NULL ? "" : consumer);
    gpiod_chip_close(chip);
    return 0;
}

struct cgpiod_input *cgpiod_watch(const struct cgpiod_place *place, int is_active_low, const char *consumer) {
    struct cgpiod_input *input = malloc(sizeof *input);
    if (input == NULL) return NULL;
    input->line = open_line(place, &input->chip);
    if (input->line == NULL) {
        int reason = errno;
        free(input);
        errno = reason;
        return NULL;
    }
    int flags = is_active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
    if (gpiod_line_request_both_edges_events_flags(input->line, consumer, flags) == 0) return input;
    int reason = errno;
    cgpiod_input_release(input);
    errno = reason;
    return NULL;
}

int cgpiod_input_descriptor(const struct cgpiod_input *input) { return gpiod_line_event_get_fd(input->line); }

int cgpiod_input_level(struct cgpiod_input *input) { return gpiod_line_get_value(input->line); }

int cgpiod_input_edge(struct cgpiod_input *input, struct cgpiod_edge *edge) {
    struct gpiod_line_event event;
    if (gpiod_line_event_read(input->line, &event) < 0) return -1;
    // The library's "rising" is that of the active level: the kernel turns it round for active-low lines.
    edge->is_active = event.event_type == GPIOD_LINE_EVENT_RISING_EDGE;
    edge->at_nanoseconds = (long long)event.ts.tv_sec * 1000000000LL + event.ts.tv_nsec;
    return 0;
}

void cgpiod_input_release(struct cgpiod_input *input) {
    gpiod_chip_close(input->chip);
    free(input);
}

const char *cgpiod_version(void) { return gpiod_version_string(); }

#endif
