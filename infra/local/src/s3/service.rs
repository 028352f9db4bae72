//! The `s3s::S3` trait over the store: one method per S3 operation, which only translates.

use super::event::EventKind;
use super::listing::{After, Query, list};
use super::multipart::Uploads;
use super::object::{Headers, Object, ReadConditions, WriteConditions};
use super::spool::{self, Announced};
use super::store::{NewObject, Store};
use futures::TryStreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

const READ_BUFFER: usize = 256 << 10;
const MAX_KEYS: i32 = 1000;

/// Characters that S3 encodes in a listing with `encoding-type=url`.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

pub struct Service {
    store: Arc<Store>,
    uploads: Uploads,
}

impl Service {
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, uploads: Uploads::default() }
    }
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.store.create_bucket(&req.input.bucket)?;
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", req.input.bucket)) }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.store.with_objects(&req.input.bucket, |_| Ok(()))?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.store.delete_bucket(&req.input.bucket)?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let bucket = |(name, created): (String, SystemTime)| Bucket {
            name: Some(name),
            creation_date: Some(created.into()),
            ..Bucket::default()
        };
        let buckets = self.store.buckets()?.into_iter().map(bucket).collect();
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets), ..ListBucketsOutput::default() }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let announced = Announced::from_request(&req, req.input.content_length, req.input.content_md5.clone());
        let input = req.input;
        let spooled = self.store.spool(&input.bucket, input.body, announced).await?;
        let new = NewObject {
            bucket: input.bucket,
            key: input.key,
            size: spooled.size,
            etag: spooled.etag(),
            data: spooled.file,
            headers: Headers {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                cache_control: input.cache_control,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            },
            kind: EventKind::Put,
        };
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let object = self.store.put(new, &conditions)?;
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(object.e_tag()), ..PutObjectOutput::default() }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let (object, file) = self.store.open_object(&input.bucket, &input.key)?;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        conditions.check(&object)?;
        let range = input.range.map(|range| range.check(object.size)).transpose()?;
        let Range { start, end } = range.clone().unwrap_or(0..object.size);
        let mut file = tokio::fs::File::from_std(file);
        file.seek(std::io::SeekFrom::Start(start)).await.map_err(S3Error::internal_error)?;
        let stream = ReaderStream::with_capacity(file.take(end - start), READ_BUFFER);

        let head = head(&object);
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(stream.into_stream())),
            content_length: Some(length(end - start)),
            content_range: range.map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size)),
            accept_ranges: head.accept_ranges,
            e_tag: head.e_tag,
            last_modified: head.last_modified,
            content_type: head.content_type,
            content_encoding: head.content_encoding,
            content_disposition: head.content_disposition,
            content_language: head.content_language,
            cache_control: head.cache_control,
            metadata: head.metadata,
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let object = self.store.object(&input.bucket, &input.key)?;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        conditions.check(&object)?;
        Ok(S3Response::new(head(&object)))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "copy source: expected a bucket and a key"));
        };
        let (source, file) = self.store.open_object(bucket, key)?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            ..ReadConditions::default()
        };
        conditions.check(&source)?;
        let replace = input.metadata_directive.as_ref().is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        if !replace && **bucket == *input.bucket && **key == *input.key {
            return Err(s3_error!(InvalidRequest, "a copy of an object to itself must replace the metadata"));
        }
        let headers = if replace {
            Headers {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                cache_control: input.cache_control,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            }
        } else {
            source.headers.clone()
        };
        let content = StreamingBlob::wrap(ReaderStream::with_capacity(tokio::fs::File::from_std(file), READ_BUFFER));
        let spooled = self.store.spool(&input.bucket, Some(content), Announced::default()).await?;
        let new = NewObject {
            bucket: input.bucket,
            key: input.key,
            size: spooled.size,
            etag: spooled.etag(),
            data: spooled.file,
            headers,
            kind: EventKind::Copy,
        };
        let object = self.store.put(new, &WriteConditions::default())?;
        let result = CopyObjectResult {
            e_tag: Some(object.e_tag()),
            last_modified: Some(object.last_modified()),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        let conditions = WriteConditions { if_match: input.if_match, ..WriteConditions::default() };
        self.store.delete(&input.bucket, &input.key, &conditions)?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        self.store.with_objects(&bucket, |_| Ok(()))?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in delete.objects {
            let key = Some(object.key.clone());
            match self.store.delete(&bucket, &object.key, &WriteConditions::default()) {
                Ok(()) => deleted.push(DeletedObject { key, ..DeletedObject::default() }),
                Err(error) => errors.push(Error {
                    key,
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    ..Error::default()
                }),
            }
        }
        let deleted = (!delete.quiet.unwrap_or(false)).then_some(deleted);
        Ok(S3Response::new(DeleteObjectsOutput { deleted, errors: Some(errors), ..DeleteObjectsOutput::default() }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.store.with_objects(&req.input.bucket, |_| Ok(()))?;
        Ok(S3Response::new(GetBucketLocationOutput::default())) // no location means us-east-1
    }

    /// Version 1 of the listing: the marker of the next page is the last key of this page.
    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input.clone();
        let v2 = ListObjectsV2Input {
            bucket: input.bucket,
            prefix: input.prefix,
            delimiter: input.delimiter,
            start_after: input.marker.clone(),
            max_keys: input.max_keys,
            encoding_type: input.encoding_type,
            ..ListObjectsV2Input::default()
        };
        let page = self.list_objects_v2(req.map_input(|_| v2)).await?.output;
        let last_key = page.contents.iter().flatten().filter_map(|object| object.key.clone()).max();
        let last_prefix = page.common_prefixes.iter().flatten().filter_map(|prefix| prefix.prefix.clone()).max();
        Ok(S3Response::new(ListObjectsOutput {
            next_marker: page.is_truncated.filter(|truncated| *truncated).and(last_key.max(last_prefix)),
            name: page.name,
            prefix: page.prefix,
            marker: input.marker,
            delimiter: page.delimiter,
            max_keys: page.max_keys,
            is_truncated: page.is_truncated,
            contents: page.contents,
            common_prefixes: page.common_prefixes,
            encoding_type: page.encoding_type,
            ..ListObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let after = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => After::from_token(token)
                .ok_or_else(|| s3_error!(InvalidArgument, "invalid continuation token: {token}"))?,
            (None, Some(key)) => After::Key(key.clone()),
            (None, None) => After::Start,
        };
        let max_keys = input.max_keys.unwrap_or(MAX_KEYS).clamp(0, MAX_KEYS);
        let query = Query {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().unwrap_or_default(),
            after,
            max_keys: usize::try_from(max_keys).unwrap_or_default(),
        };
        let url = input.encoding_type.as_ref().is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        let encode = |text: &str| if url { utf8_percent_encode(text, URL).to_string() } else { text.to_owned() };

        let (contents, prefixes, next) = self.store.with_objects(&input.bucket, |objects| {
            let page = list(objects, &query);
            let found = page.contents.into_iter().filter(|(_, object)| !self.store.is_lost(&input.bucket, object));
            let contents: Vec<_> = found.map(|(_, object)| listed(object, encode)).collect();
            Ok((contents, page.common_prefixes, page.next))
        })?;
        let prefixes: Vec<_> = prefixes.iter().map(|p| CommonPrefix { prefix: Some(encode(p)) }).collect();
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: Some(i32::try_from(contents.len() + prefixes.len()).unwrap_or(i32::MAX)),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next.map(|next| next.token()),
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            name: Some(input.bucket),
            prefix: Some(encode(query.prefix)),
            delimiter: input.delimiter.as_deref().map(encode),
            start_after: input.start_after.as_deref().map(encode),
            max_keys: Some(max_keys),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            request_charged: None,
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        self.store.with_objects(&input.bucket, |_| Ok(()))?;
        let headers = Headers {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        };
        Ok(S3Response::new(CreateMultipartUploadOutput {
            upload_id: Some(self.uploads.create(&input.bucket, &input.key, headers)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let announced = Announced::from_request(&req, req.input.content_length, req.input.content_md5.clone());
        let input = req.input;
        let part = self.store.spool(&input.bucket, input.body, announced).await?;
        let e_tag = Some(ETag::Strong(part.etag()));
        self.uploads.add(&input.upload_id, &input.bucket, &input.key, input.part_number, part)?;
        Ok(S3Response::new(UploadPartOutput { e_tag, ..UploadPartOutput::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let listed = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let whole = self.uploads.assemble(&input.upload_id, &input.bucket, &input.key, &listed)?;
        let files = whole.parts.iter().map(|part| part.file.to_path_buf()).collect();
        let new = NewObject {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            data: spool::join(&self.store.tmp(), files).await?,
            size: whole.size,
            etag: whole.etag,
            headers: whole.headers,
            kind: EventKind::CompleteMultipartUpload,
        };
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let object = self.store.put(new, &conditions)?;
        self.uploads.remove(&input.upload_id, &input.bucket, &input.key)?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(object.e_tag()),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.uploads.remove(&req.input.upload_id, &req.input.bucket, &req.input.key)?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

fn head(object: &Object) -> HeadObjectOutput {
    let headers = object.headers.clone();
    HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(length(object.size)),
        e_tag: Some(object.e_tag()),
        last_modified: Some(object.last_modified()),
        content_type: Some(headers.content_type.unwrap_or_else(|| "binary/octet-stream".to_owned())),
        content_encoding: headers.content_encoding,
        content_disposition: headers.content_disposition,
        content_language: headers.content_language,
        cache_control: headers.cache_control,
        metadata: Some(headers.metadata.into_iter().collect()),
        ..HeadObjectOutput::default()
    }
}

fn listed(object: &Object, encode: impl Fn(&str) -> String) -> s3s::dto::Object {
    s3s::dto::Object {
        key: Some(encode(&object.key)),
        size: Some(length(object.size)),
        e_tag: Some(object.e_tag()),
        last_modified: Some(object.last_modified()),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..s3s::dto::Object::default()
    }
}

/// Never saturates: a disk is smaller than `i64::MAX` bytes.
fn length(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
