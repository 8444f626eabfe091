"""Puts log files into a bucket of moto whose notices come to a queue, by all ways.

Prints the URL of the queue.
"""

import json
import os
import pathlib

import boto3

ENDPOINT = os.environ["ENDPOINT"]
LOGS = pathlib.Path(os.environ["LOGS"])
REGION = "eu-central-1"
BUCKET = "example-trail-logs"


def client(service):
    return boto3.client(
        service, region_name=REGION, endpoint_url=ENDPOINT, aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="x"
    )


def put(s3, folder):
    """Puts the files of a folder, whose names are the keys."""
    root = LOGS / folder
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        s3.put_object(Bucket=BUCKET, Key=path.relative_to(root).as_posix(), Body=path.read_bytes())


def notify(s3, **configuration):
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)


def main():
    s3, sqs, sns, events = client("s3"), client("sqs"), client("sns"), client("events")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    url = sqs.create_queue(QueueName="kmstrail")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    created = ["s3:ObjectCreated:*"]
    notify(s3, QueueConfigurations=[{"QueueArn": arn, "Events": created}])
    put(s3, "direct")

    topic = sns.create_topic(Name="trail")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    notify(s3, TopicConfigurations=[{"TopicArn": topic, "Events": created}])
    put(s3, "topic")

    notify(s3, EventBridgeConfiguration={})
    events.put_rule(Name="trail", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="trail", Targets=[{"Id": "1", "Arn": arn}])
    events.put_rule(Name="calls", EventPattern=json.dumps({"detail-type": ["AWS API Call via CloudTrail"]}))
    events.put_targets(Rule="calls", Targets=[{"Id": "1", "Arn": arn}])
    put(s3, "bus")
    for path in sorted((LOGS / "records").iterdir()):
        events.put_events(
            Entries=[{"Source": "example", "DetailType": "AWS API Call via CloudTrail", "Detail": path.read_text()}]
        )

    sns.publish(TopicArn=topic, Message=json.dumps({"s3Bucket": BUCKET, "s3ObjectKey": [(LOGS / "told").read_text()]}))
    sqs.send_message(QueueUrl=url, MessageBody="no notice")
    print(url)


main()
