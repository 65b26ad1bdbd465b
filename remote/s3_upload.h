/*
 * s3_upload.h - send a large object in parts (a multipart upload)
 */
#ifndef REMOTE_S3_UPLOAD_H
#define REMOTE_S3_UPLOAD_H

#include "base/error.h"
#include "remote/s3_sending.h"

/*
 * Send it in parts, several of them at a time.  Nothing has the name before
 * all are there and S3 has put them together.  Unless that happens the upload
 * is given up at S3, also after a signal, as far as S3 can be reached.
 */
enum s3_outcome s3_upload_send(struct s3_sending *s, struct error *err);

#endif
