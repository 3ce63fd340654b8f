// libgpiod 2, as Debian 13 has it.
#define _GNU_SOURCE
#include <gpiod.h>

#ifndef GPIOD_LINE_BULK_MAX_LINES

#include "cgpiod.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cgpiod_input {
    struct gpiod_line_request *request;
    struct gpiod_edge_event_buffer *events;
    unsigned offset;
};

int cgpiod_find(const char *name, struct cgpiod_place *place) {
    DIR *devices = opendir("/dev");
    if (devices == NULL) return -1;
    int found = 0;
    struct dirent *entry;
    while (!found && (entry = readdir(devices)) != NULL) {
        char path[sizeof place->chip];
        if (strncmp(entry->d_name, "gpiochip", 8) != 0) continue;
        if (snprintf(path, sizeof path, "/dev/%s", entry->d_name) >= (int)sizeof path) continue;
        struct gpiod_chip *chip = gpiod_chip_open(path);
        if (chip == NULL) continue;
        int offset = gpiod_chip_get_line_offset_from_name(chip, name);
        gpiod_chip_close(chip);
        if (offset < 0) continue;
        memcpy(place->chip, path, sizeof path);
        place->offset = (unsigned)offset;
        found = 1;
    }
    closedir(devices);
    return found;
}

int cgpiod_find_holder(const struct cgpiod_place *place, struct cgpiod_holder *holder) {
    struct gpiod_chip *chip = gpiod_chip_open(place->chip);
    if (chip == NULL) return -1;
    struct gpiod_line_info *line = gpiod_chip_get_line_info(chip, place->offset);
    int reason = errno;
    gpiod_chip_close(chip);
    errno = reason;
    if (line == NULL) return -1;
    const char *consumer = gpiod_line_info_get_consumer(line);
    snprintf(holder->name, sizeof holder->name, "%s", consumer == NULL ? "" : consumer);
    gpiod_line_info_free(line);
    return 0;
}

// NULL with errno where the chip, the line or memory cannot be had.
static struct gpiod_line_request *request_edges(
    const struct cgpiod_place *place, int is_active_low, const char *consumer) {
    struct gpiod_chip *chip = gpiod_chip_open(place->chip);
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_request_config *names = gpiod_request_config_new();
    struct gpiod_line_request *request = NULL;
    if (chip != NULL && settings != NULL && lines != NULL && names != NULL) {
        gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_INPUT);
        gpiod_line_settings_set_edge_detection(settings, GPIOD_LINE_EDGE_BOTH);
        gpiod_line_settings_set_active_low(settings, is_active_low != 0);
        gpiod_request_config_set_consumer(names, consumer);
        if (gpiod_line_config_add_line_settings(lines, &place->offset, 1, settings) == 0)
            request = gpiod_chip_request_lines(chip, names, lines);
    }
    int reason = errno;
    gpiod_request_config_free(names);
    gpiod_line_config_free(lines);
    gpiod_line_settings_free(settings);
    if (chip != NULL) gpiod_chip_close(chip);
    errno = reason;
    return request;
}

struct cgpiod_input *cgpiod_watch(const struct cgpiod_place *place, int is_active_low, const char *consumer) {
    struct cgpiod_input *input = malloc(sizeof *input);
    if (input == NULL) return NULL;
    input->offset = place->offset;
    input->request = request_edges(place, is_active_low, consumer);
    input->events = input->request == NULL ? NULL : gpiod_edge_event_buffer_new(1);
    if (input->events != NULL) return input;
    int reason = errno;
    if (input->request != NULL) gpiod_line_request_release(input->request);
    free(input);
    errno = reason;
    return NULL;
}

int cgpiod_input_descriptor(const struct cgpiod_input *input) { return gpiod_line_request_get_fd(input->request); }

int cgpiod_input_level(struct cgpiod_input *input) {
    switch (gpiod_line_request_get_value(input->request, input->offset)) {
    case GPIOD_LINE_VALUE_ACTIVE: return 1;
    case GPIOD_LINE_VALUE_INACTIVE: return 0;
    default: return -1;
    }
}

int cgpiod_input_edge(struct cgpiod_input *input, struct cgpiod_edge *edge) {
    if (gpiod_line_request_read_edge_events(input->request, input->events, 1) != 1) return -1;
    struct gpiod_edge_event *event = gpiod_edge_event_buffer_get_event(input->events, 0);
    if (event == NULL) return -1;
    edge->is_active = gpiod_edge_event_get_event_type(event) == GPIOD_EDGE_EVENT_RISING_EDGE;
    edge->at_nanoseconds = (long long)gpiod_edge_event_get_timestamp_ns(event);
    return 0;
}

void cgpiod_input_release(struct cgpiod_input *input) {
    gpiod_edge_event_buffer_free(input->events);
    gpiod_line_request_release(input->request);
    free(input);
}

const char *cgpiod_version(void) { return gpiod_api_version(); }

#endif
