// What Swift cannot call by itself: variadic functions, macros, and calls outside Glibc's module.
#include "clinux_file.h"
#include "clinux_memory.h"
#include "clinux_pty.h"
#include "clinux_serial.h"
#include "clinux_socket.h"
#include "clinux_thread.h"
#include "clinux_time.h"
