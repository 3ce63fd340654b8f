#define _GNU_SOURCE
#include "cgpiod.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int cgpiod_take(const struct cgpiod_place *place, int is_active_low, const char *consumer) {
    int chip = open(place->chip, O_RDWR | O_CLOEXEC);
    if (chip < 0) return -1;
    struct gpio_v2_line_request request;
    memset(&request, 0, sizeof request);
    request.offsets[0] = place->offset;
    request.num_lines = 1;
    request.config.flags = is_active_low ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0;
    snprintf(request.consumer, sizeof request.consumer, "%s", consumer);
    int result = ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request);
    int reason = errno;
    close(chip);
    errno = reason;
    return result < 0 ? -1 : request.fd;
}

int cgpiod_level(int descriptor) {
    struct gpio_v2_line_values values = {.bits = 0, .mask = 1};
    if (ioctl(descriptor, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) < 0) return -1;
    return (int)(values.bits & 1);
}

int cgpiod_drive(int descriptor, int is_active_low, int is_active) {
    struct gpio_v2_line_config config;
    memset(&config, 0, sizeof config);
    config.flags = GPIO_V2_LINE_FLAG_OUTPUT | (is_active_low ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0);
    config.num_attrs = 1;
    config.attrs[0].mask = 1;
    config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    config.attrs[0].attr.values = is_active ? 1 : 0;
    return ioctl(descriptor, GPIO_V2_LINE_SET_CONFIG_IOCTL, &config) < 0 ? -1 : 0;
}
