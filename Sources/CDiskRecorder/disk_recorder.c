#include "CDiskRecorder.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct recorded_file {
    sqlite3_file base;
    int file; // -1: not noted
    sqlite3_file *real;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

static struct disk_event *events;
static long long event_count, event_capacity;
static int is_recording;
static char **paths;
static int path_count, path_capacity;

static int fail_kind = -1, fail_code, fail_lasts;
static long long fail_passes = -1, fail_count;

static void note(int kind, int file, long long offset, long long length, const void *data) {
    pthread_mutex_lock(&lock);
    if (is_recording && (file >= 0 || kind == disk_mark)) {
        if (event_count == event_capacity) {
            long long capacity = event_capacity ? event_capacity * 2 : 1024;
            struct disk_event *more = realloc(events, (size_t)capacity * sizeof *events);
            if (!more) abort();
            events = more;
            event_capacity = capacity;
        }
        unsigned char *copy = NULL;
        if (data && length > 0) {
            copy = malloc((size_t)length);
            if (!copy) abort();
            memcpy(copy, data, (size_t)length);
        }
        events[event_count++] = (struct disk_event){kind, file, offset, length, copy};
    }
    pthread_mutex_unlock(&lock);
}

// The result code that this call is to fail with, or 0.
static int failure(int kind) {
    int code = SQLITE_OK;
    pthread_mutex_lock(&lock);
    if (fail_kind == kind && fail_passes >= 0) {
        if (fail_passes > 0) {
            fail_passes--;
        } else {
            code = fail_code;
            fail_count++;
            if (!fail_lasts) fail_passes = -1;
        }
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static int file_number(const char *path) {
    if (!path) return -1;
    pthread_mutex_lock(&lock);
    int found = -1;
    // From the newest: a long run names thousands, and the latest again and again.
    for (int i = path_count - 1; i >= 0 && found < 0; i--)
        if (strcmp(paths[i], path) == 0) found = i;
    if (found < 0) {
        if (path_count == path_capacity) {
            path_capacity = path_capacity ? path_capacity * 2 : 64;
            char **more = realloc(paths, (size_t)path_capacity * sizeof *paths);
            if (!more) abort();
            paths = more;
        }
        // A file that is not noted would look like one that was lost.
        if (!(paths[path_count] = strdup(path))) abort();
        found = path_count++;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static sqlite3_file *real_of(sqlite3_file *file) { return ((struct recorded_file *)file)->real; }
static int number_of(sqlite3_file *file) { return ((struct recorded_file *)file)->file; }

static int file_close(sqlite3_file *file) { return real_of(file)->pMethods->xClose(real_of(file)); }
static int file_read(sqlite3_file *file, void *data, int length, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xRead(real_of(file), data, length, offset);
}
static int file_write(sqlite3_file *file, const void *data, int length, sqlite3_int64 offset) {
    int code = failure(disk_write);
    if (code) return code;
    code = real_of(file)->pMethods->xWrite(real_of(file), data, length, offset);
    if (code == SQLITE_OK) note(disk_write, number_of(file), offset, length, data);
    return code;
}
static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int code = real_of(file)->pMethods->xTruncate(real_of(file), size);
    if (code == SQLITE_OK) note(disk_truncate, number_of(file), size, 0, NULL);
    return code;
}
static int file_sync(sqlite3_file *file, int flags) {
    int code = failure(disk_sync);
    if (code) return code;
    code = real_of(file)->pMethods->xSync(real_of(file), flags);
    if (code == SQLITE_OK) note(disk_sync, number_of(file), 0, 0, NULL);
    return code;
}
static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
static int file_lock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xLock(real_of(file), level); }
static int file_unlock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xUnlock(real_of(file), level); }
static int file_check_lock(sqlite3_file *file, int *out) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}
static int file_control(sqlite3_file *file, int op, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}
static int file_sector(sqlite3_file *file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }
static int file_traits(sqlite3_file *file) { return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file)); }
static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}
static void file_shm_barrier(sqlite3_file *file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }
static int file_shm_unmap(sqlite3_file *file, int remove) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

// Version 2: shared memory, but no memory map, which would change files unseen.
static const sqlite3_io_methods methods = {
    2, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock,
    file_check_lock, file_control, file_sector, file_traits, file_shm_map, file_shm_lock, file_shm_barrier,
    file_shm_unmap, NULL, NULL};

static int vfs_open(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    (void)self;
    struct recorded_file *mine = (struct recorded_file *)file;
    int noted = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
    int exists = 1;
    mine->base.pMethods = NULL;
    mine->real = (sqlite3_file *)(mine + 1);
    memset(mine->real, 0, (size_t)real_vfs->szOsFile);
    mine->file = flags & noted ? file_number(path) : -1;
    if (mine->file >= 0) real_vfs->xAccess(real_vfs, path, SQLITE_ACCESS_EXISTS, &exists);
    int code = real_vfs->xOpen(real_vfs, path, mine->real, flags, out_flags);
    if (mine->real->pMethods) mine->base.pMethods = &methods;
    if (code == SQLITE_OK && !exists) note(disk_create, mine->file, 0, 0, NULL);
    return code;
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int sync_directory) {
    (void)self;
    int code = real_vfs->xDelete(real_vfs, path, sync_directory);
    if (code == SQLITE_OK) note(disk_delete, file_number(path), 0, 0, NULL);
    return code;
}

int disk_recorder_install(void) {
    if (real_vfs) return SQLITE_OK;
    real_vfs = sqlite3_vfs_find(NULL);
    if (!real_vfs) return SQLITE_ERROR;
    vfs = *real_vfs;
    vfs.pNext = NULL;
    vfs.zName = "disk-recorder";
    vfs.szOsFile = (int)sizeof(struct recorded_file) + real_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    return sqlite3_vfs_register(&vfs, 1);
}

void disk_recorder_start(void) {
    pthread_mutex_lock(&lock);
    for (long long i = 0; i < event_count; i++) free((void *)events[i].data);
    event_count = 0;
    is_recording = 1;
    pthread_mutex_unlock(&lock);
}

void disk_recorder_stop(void) {
    pthread_mutex_lock(&lock);
    is_recording = 0;
    pthread_mutex_unlock(&lock);
}

void disk_recorder_mark(long long number) { note(disk_mark, -1, number, 0, NULL); }

long long disk_recorder_count(void) {
    pthread_mutex_lock(&lock);
    long long count = event_count;
    pthread_mutex_unlock(&lock);
    return count;
}

struct disk_event disk_recorder_event(long long index) {
    struct disk_event event = {-1, -1, 0, 0, NULL};
    pthread_mutex_lock(&lock);
    if (index >= 0 && index < event_count) event = events[index];
    pthread_mutex_unlock(&lock);
    return event;
}

const char *disk_recorder_path(int file) {
    pthread_mutex_lock(&lock);
    const char *path = file >= 0 && file < path_count ? paths[file] : "";
    pthread_mutex_unlock(&lock);
    return path;
}

void disk_recorder_fail(int kind, long long passes, int code, int lasts) {
    pthread_mutex_lock(&lock);
    fail_kind = kind;
    fail_passes = passes;
    fail_code = code;
    fail_lasts = lasts;
    fail_count = 0;
    pthread_mutex_unlock(&lock);
}

long long disk_recorder_failures(void) {
    pthread_mutex_lock(&lock);
    long long count = fail_count;
    pthread_mutex_unlock(&lock);
    return count;
}
