#ifndef CDISKRECORDER_H
#define CDISKRECORDER_H

// A layer between SQLite and the disk (sqlite3_vfs) that notes every change of every file in order, and
// can let a call fail. From the notes a test makes the files as a power cut would have left them.

enum {
    disk_write = 0,    // data at offset
    disk_truncate = 1, // the file ends at offset
    disk_sync = 2,     // all changes of the file before this are on the disk
    disk_delete = 3,   // the file's name is gone
    disk_create = 4,   // the file's name is new
    disk_mark = 5      // offset is a number that the test gave
};

struct disk_event {
    int kind;
    int file; // index of its path
    long long offset;
    long long length;
    const unsigned char *data;
};

// Makes the layer SQLite's default. 0, or a result code of SQLite. Call it before any file is opened.
int disk_recorder_install(void);

// Forgets all notes and starts anew; stops; notes a number.
void disk_recorder_start(void);
void disk_recorder_stop(void);
void disk_recorder_mark(long long number);

// The notes. Data stays valid until the next start.
long long disk_recorder_count(void);
struct disk_event disk_recorder_event(long long index);
const char *disk_recorder_path(int file);

// Lets the call of this kind after `passes` more fail with a result code of SQLite: that one alone, or
// it and all that follow where `lasts` is not 0. A negative `passes` ends it.
void disk_recorder_fail(int kind, long long passes, int code, int lasts);
// How often a call has failed since the last disk_recorder_fail.
long long disk_recorder_failures(void);

#endif
