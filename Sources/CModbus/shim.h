// Debian's libmodbus-dev.
#include <modbus/modbus.h>
