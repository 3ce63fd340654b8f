// A plain libmodbus loop, as a program on libmodbus mostly is: opens a port, reads the same values of the
// same meters again and again, and says how many transactions it made at what cost. What scripts/bench bus
// compares with.
//
//   libmodbus-loop PORT BAUD UNITS SECONDS
#include <errno.h>
#include <modbus/modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static const struct { int address, count; } reads[] = {{0, 14}, {30, 2}, {70, 2}, {342, 2}};

static double seconds(const struct timeval *time) { return (double)time->tv_sec + (double)time->tv_usec / 1e6; }

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: libmodbus-loop PORT BAUD UNITS SECONDS\n");
        return 64;
    }
    int units = atoi(argv[3]);
    time_t end = time(NULL) + atoi(argv[4]);
    modbus_t *line = modbus_new_rtu(argv[1], atoi(argv[2]), 'N', 8, 1);
    if (line == NULL || modbus_connect(line) != 0) {
        fprintf(stderr, "%s cannot be opened: %s\n", argv[1], modbus_strerror(errno));
        return 69;
    }
    long transactions = 0, failures = 0;
    while (time(NULL) < end) {
        for (int unit = 1; unit <= units; unit++) {
            modbus_set_slave(line, unit);
            for (size_t number = 0; number < sizeof reads / sizeof reads[0]; number++) {
                uint16_t words[125];
                transactions++;
                if (modbus_read_input_registers(line, reads[number].address, reads[number].count, words) < 0) {
                    failures++;
                }
            }
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%ld %ld %.6f\n", transactions, failures, seconds(&usage.ru_utime) + seconds(&usage.ru_stime));
    modbus_close(line);
    modbus_free(line);
    return 0;
}
