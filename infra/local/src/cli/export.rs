//! `churn export`: the users at risk as a CSV or Parquet file, for a CRM or an ad platform.

use super::DataArgs;
use super::connection::Connection;
use super::files::{NewFile, check_folder};
use super::output::stdout;
use super::summary::Language;
use super::text::{Text, count};
use anyhow::{Context, bail};
use churn_common::actions::Actions;
use churn_common::audience::{AudienceFormat, AudienceRow, AudienceWriter};
use churn_common::model::Risk;
use churn_common::risk::Group;
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_common::store::objects::Condition;
use churn_common::store::risks::RiskList;
use churn_pages::number;
use predict::PredictSettings;
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Users that are read at once.
const PAGE: u16 = 1000;

/// Write the users at risk to a file, highest probability first.
#[derive(clap::Args)]
pub struct Args {
    /// Risk levels, separated by commas: low, medium, high, critical. A level does not contain the higher ones.
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', value_parser = level, default_value = "high,critical")]
    risk_level: Vec<Risk>,
    /// File or object to write: NAME.csv, NAME.parquet, or s3://BUCKET/KEY with one of these extensions. - writes CSV to
    /// standard output.
    #[arg(long, value_name = "FILE")]
    out: String,
    /// Include the users of the control group, who must get no offer.
    #[arg(long)]
    include_control: bool,
    /// Language of the reasons and of the recommended actions.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value = "en")]
    lang: Language,
    /// Read the table on AWS: that of the AWS configuration and of the CHURN_ settings in the environment.
    #[arg(long, conflicts_with = "data")]
    aws: bool,
    #[command(flatten)]
    data: DataArgs,
}

fn level(name: &str) -> Result<Risk, String> {
    Risk::parse(name).ok_or_else(|| format!("expected one of: {}", Risk::ALL.map(Risk::as_str).join(", ")))
}

/// Reads the users and writes the file.
///
/// # Errors
/// An argument is invalid, the table cannot be read, or the file cannot be written.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let target = Target::parse(&args.out)?;
    let actions = Actions::load(PredictSettings::from_env()?.actions_file.as_deref())?;
    let connection = match args.aws {
        true => None,
        false => Some(Connection::open_stores(&args.data).await?),
    };
    let stores = match &connection {
        Some(connection) => connection.stores(),
        None => Stores::from_env(&StoreNames::from_env()?).await,
    };
    let exported = target.write(&stores, &actions, &args).await.with_context(|| format!("cannot write {}", args.out));
    if let Some(connection) = connection {
        connection.close().await;
    }
    let exported = exported?;
    if target != Target::StandardOutput {
        write!(stdout(), "{}", exported.text(&args))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    StandardOutput,
    File(PathBuf, AudienceFormat),
    Object { bucket: String, key: String, format: AudienceFormat },
}

impl Target {
    fn parse(out: &str) -> anyhow::Result<Self> {
        let extension = Path::new(out).extension().and_then(|extension| extension.to_str());
        let format = AudienceFormat::ALL.into_iter().find(|format| extension == Some(format.extension()));
        let format = match format {
            Some(format) => format,
            None if out == "-" => return Ok(Self::StandardOutput),
            None => bail!("file {out}, expected the extension .csv or .parquet, or -"),
        };
        match out.strip_prefix("s3://").map(|place| place.split_once('/')) {
            Some(Some((bucket, key))) if !bucket.is_empty() => {
                Ok(Self::Object { bucket: bucket.to_owned(), key: key.to_owned(), format })
            }
            Some(_) => bail!("object {out}, expected s3://BUCKET/KEY"),
            None => {
                check_folder(Path::new(out))?;
                Ok(Self::File(out.into(), format))
            }
        }
    }

    async fn write(&self, stores: &Stores, actions: &Actions, args: &Args) -> anyhow::Result<Exported> {
        match self {
            Self::StandardOutput => export(stores, actions, args, AudienceFormat::Csv, Box::new(stdout())).await,
            Self::File(path, format) => {
                let file = NewFile::create(path)?;
                let exported = export(stores, actions, args, *format, Box::new(file.writer()?)).await?;
                file.complete()?;
                Ok(exported)
            }
            Self::Object { bucket, key, format } => {
                let file = tempfile::NamedTempFile::new()?;
                let exported = export(stores, actions, args, *format, Box::new(file.reopen()?)).await?;
                let bytes = std::fs::read(file.path())?;
                stores.store.sibling(bucket).put(key, bytes, format.content_type(), Condition::Always).await?;
                Ok(exported)
            }
        }
    }
}

type Out = Box<dyn Write + Send>;

/// Numbers of users.
#[derive(Debug, Default)]
struct Exported {
    by_level: BTreeMap<Risk, u64>,
    /// Left out.
    control: u64,
}

async fn export(
    stores: &Stores,
    actions: &Actions,
    args: &Args,
    format: AudienceFormat,
    out: Out,
) -> anyhow::Result<Exported> {
    let mut exported = Exported::default();
    let mut table = AudienceWriter::new(format, out)?;
    let levels: BTreeMap<Risk, _> = args.risk_level.iter().map(|level| (*level, None)).collect();
    let mut list = RiskList::new(&stores.risks, levels);
    // A user whose probability falls while `score` runs is found again.
    let mut written = HashSet::new();
    loop {
        let users = list.page(PAGE).await?;
        for user in users.iter().filter(|user| written.insert(user.user.clone())) {
            let row = AudienceRow::new(user, actions, args.lang.into());
            if row.group == Some(Group::Control) && !args.include_control {
                exported.control += 1;
                continue;
            }
            *exported.by_level.entry(row.risk_level).or_default() += 1;
            table.write(row)?;
        }
        if users.len() < usize::from(PAGE) {
            break;
        }
    }
    table.finish()?.flush()?;
    Ok(exported)
}

impl Exported {
    fn text(&self, args: &Args) -> Text {
        let levels = self.by_level.iter().rev().map(|(level, n)| format!("{} {}", number::count(*n), level.as_str()));
        let users = count(self.by_level.values().sum(), "user");
        let levels: Vec<String> = levels.collect();
        let of = if levels.is_empty() { String::new() } else { format!(" ({})", levels.join(", ")) };
        let mut text = Text::new();
        text.line(0, format!("wrote {}: {users}{of}", args.out));
        if self.control > 0 {
            text.line(2, format!("left out: {} of the control group", count(self.control, "user")));
        }
        if self.by_level.is_empty() && self.control == 0 {
            text.line(2, "no user has a score of these levels: run `churn invoke score`");
        }
        text
    }
}
